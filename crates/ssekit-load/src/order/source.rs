//! Source addresses: one, or those of a block.

use std::net::IpAddr;

use super::refuse;
use crate::error::LoadError;

/// Source addresses taken of one block at most.
const MAX_BLOCK: u32 = 4096;

/// An address, or those of a CIDR block.
pub(super) fn source_addresses(text: &str) -> Result<Vec<IpAddr>, LoadError> {
    if let Ok(ip) = text.parse() {
        return Ok(vec![ip]);
    }
    let parts = text
        .split_once('/')
        .and_then(|(ip, bits)| Some((ip.parse().ok()?, bits.parse().ok()?)));
    let Some((ip, bits)) = parts else {
        return refuse(format!(
            "target.source_ips: {text:?} is not an address or a block such as 127.0.1.0/28"
        ));
    };
    block(ip, bits).map_or_else(
        || refuse(format!("target.source_ips: {text:?} is not a block")),
        Ok,
    )
}

/// The addresses of a block, without those that name the block itself and all of it in IPv4.
fn block(ip: IpAddr, bits: u32) -> Option<Vec<IpAddr>> {
    match ip {
        IpAddr::V4(ip) => {
            let host_bits = 32_u32.checked_sub(bits)?;
            let size = 1_u64 << host_bits;
            let first = u64::from(u32::from(ip)) & !(size - 1);
            let ends = if size > 2 { 1 } else { 0 };
            let inner = (ends..size - ends).take(MAX_BLOCK as usize);
            Some(
                inner
                    .map(|n| IpAddr::V4(((first + n) as u32).into()))
                    .collect(),
            )
        }
        IpAddr::V6(ip) => {
            let host_bits = 128_u32.checked_sub(bits)?;
            let size = if host_bits >= 32 {
                u128::from(MAX_BLOCK)
            } else {
                1_u128 << host_bits
            };
            let mask = if host_bits == 128 {
                0
            } else {
                u128::MAX << host_bits
            };
            let first = u128::from(ip) & mask;
            let inner = 0..size.min(u128::from(MAX_BLOCK));
            Some(inner.map(|n| IpAddr::V6((first + n).into())).collect())
        }
    }
}
