//! Chance without state: the same seed and place always give the same number.

/// Steele, Lea and Flood's SplitMix64 finaliser.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// 64 bits for a purpose and two numbers.
pub(super) fn random(seed: u64, purpose: u64, one: u64, other: u64) -> u64 {
    let step = |state: u64, value: u64| mix(state.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ mix(value));
    step(step(step(mix(seed), purpose), one), other)
}

/// The same, evenly from 0 to 1, 1 excluded.
pub(super) fn unit(seed: u64, purpose: u64, one: u64, other: u64) -> f64 {
    (random(seed, purpose, one, other) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A permutation of the numbers below `count`, so that any first part of it is a fair sample: four
/// rounds of a Feistel network over the next power of four, repeated until the result is in range.
pub(super) fn permuted(seed: u64, value: u64, count: u64) -> u64 {
    let bits = (64 - count.saturating_sub(1).leading_zeros())
        .div_ceil(2)
        .max(1);
    let mask = (1_u64 << bits) - 1;
    let mut value = value;
    loop {
        let (mut left, mut right) = (value >> bits, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (random(seed, round, right, 0) & mask));
        }
        value = left << bits | right;
        if value < count {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_every_number_once() {
        for count in [1, 2, 3, 7, 64, 1000] {
            let mut seen: Vec<_> = (0..count).map(|value| permuted(5, value, count)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn units_are_even() {
        let mean = (0..10_000).map(|n| unit(1, 2, n, 0)).sum::<f64>() / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
    }
}
