//! Open arrivals: moments at which somebody does something, at a rate, whatever the server
//! does. Latency is measured from these moments, so a server that stalls cannot hide it.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// A Poisson process: the gaps are exponential. Each item is a time since the start.
pub(crate) struct Arrivals {
    rng: StdRng,
    per_second: f64,
    at_seconds: f64,
}

impl Arrivals {
    /// `per_second` has to be above zero.
    pub(crate) fn new(seed: u64, per_second: f64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), per_second, at_seconds: 0.0 }
    }

    /// A number below `below`: who it is that arrives.
    pub(crate) fn pick(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below.max(1))
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let uniform: f64 = self.rng.random();
        self.at_seconds += -(1.0 - uniform).ln() / self.per_second;
        Some(Duration::from_secs_f64(self.at_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(seed: u64, n: usize) -> Vec<Duration> {
        Arrivals::new(seed, 1_000.0).take(n).collect()
    }

    #[test]
    fn they_come_at_the_rate() {
        let last = arrivals(1, 100_000).pop().map_or(0.0, |at| at.as_secs_f64());
        assert!((98.0..102.0).contains(&last), "{last}");
    }

    #[test]
    fn their_gaps_are_exponential() {
        let times = arrivals(2, 100_000);
        let gaps =
            times.iter().zip(times.iter().skip(1)).map(|(before, at)| at.saturating_sub(*before));
        let longer = gaps.filter(|gap| *gap > Duration::from_millis(1)).count();
        // A share of 1/e is longer than the mean.
        assert!((36_000..37_600).contains(&longer), "{longer}");
    }

    #[test]
    fn they_never_go_back_and_are_the_same_for_one_seed() {
        let times = arrivals(3, 1_000);
        assert!(times.is_sorted());
        assert_eq!(times, arrivals(3, 1_000));
        assert_ne!(times, arrivals(4, 1_000));
    }
}
