//! Finds the end of a line.
use memchr::memchr2;

/// Most lines end within so many bytes.
#[cfg(target_arch = "x86_64")]
const NEAR: usize = 256;

/// The position of the first LF or CR.
///
/// Lines are short, so what a search costs to begin counts: the near one is compiled in, without
/// the choice of an instruction set at run time that pays only over longer distances.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn line_end(bytes: &[u8]) -> Option<usize> {
    use memchr::arch::x86_64::sse2::memchr::Two;

    let Some(search) = Two::new(b'\n', b'\r') else {
        return memchr2(b'\n', b'\r', bytes);
    };
    match bytes.split_at_checked(NEAR) {
        None => search.find(bytes),
        Some((near, far)) => search
            .find(near)
            .or_else(|| memchr2(b'\n', b'\r', far).map(|at| at + NEAR)),
    }
}

/// The position of the first LF or CR.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr2(b'\n', b'\r', bytes)
}
