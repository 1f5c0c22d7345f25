//! How fast a desk goes, and how long the k-th in its queue waits.
//!
//! A wait is the time until enough places became free: the k-th departure among all places. What
//! is kept is small and decays: for how long places were in use (or could have been, while
//! somebody waited), how many became free, and how long those had been in use. The first over the
//! second counts people who are still being answered, so it is right when a desk has just opened,
//! where the third would know only those who were quick. A prediction holds both.
//!
//! A desk also learns how its predictions did: from then on the range is that of the newest real
//! waits over what had been expected. That takes in whatever no formula knows: pauses of coaches,
//! offers nobody took, a day that speeds up. Source: split conformal prediction (Vovk et al.,
//! "Algorithmic Learning in a Random World", 2005). And it watches whether its ranges hold: they
//! are stretched with each wait that fell out of its range, and tightened a little with each that
//! did not, so that in the long run eight of ten hold, whatever the day is like. Source: adaptive
//! conformal inference (Gibbs and Candès, "Adaptive Conformal Inference Under
//! Distribution Shift", 2021).

use protocol::Millis;

/// Departures before anything is said.
pub(crate) const SAMPLES_MIN: u64 = 10;
/// Waits that are remembered.
pub(crate) const RING_SLOTS: usize = 128;
/// Departures after which older ones hardly count: as many as stand before the last in the queue,
/// since what goes up and down while one waits evens out, but not fewer or more than these.
const MEMORY_MIN: i64 = 96;
const MEMORY_MAX: i64 = 1_000;
/// Ratios are taken so often while somebody waits. So the ring spans several waits, and knows
/// good and bad times; one that is full within a moment knows that moment.
const SAMPLES_A_WAIT: i64 = 16;
/// A departure, in the unit in which decayed ones are kept.
const WHOLE: i64 = 1_000;
/// A node that did not look for longer than this knows nothing of the time between.
const UNSEEN_MS: i64 = 10 * 60 * 1_000;
/// Of a normal distribution, at its 90th percentile.
const Z: f64 = 1.281_6;
/// What a day may speed up or slow down by while somebody waits, beside all that is measured.
const DRIFT: f64 = 0.12;
/// Ratios after which they say all: those of three waits.
const LEARNED: u64 = 48;
/// The quantiles of past predictions that make a range; a little outside of p10 and p90, since
/// the past is not the future.
const LOW: f64 = 0.05;
const HIGH: f64 = 0.95;
/// Of a hundred ranges so many may fail: what lies outside of p10 and p90.
const FAIL_PERCENT: i64 = 20;
/// How far one wait stretches or tightens, in millionths of a natural logarithm; shared by those
/// who wait, since a range is judged only when as many others were stated after it.
const STEP: i64 = 3_000_000;
const STEP_SHARED_BY_MIN: i64 = 20;
/// A range is stretched by e² at most.
const STRETCH_MAX: i64 = 2_000_000;
/// In which a ratio is kept.
const PARTS: f64 = 1_000.0;

/// The newest values, the oldest overwritten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ring {
    pub(crate) values: Vec<i64>,
    /// All that there ever were.
    pub(crate) taken: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pace {
    /// For how long places were in use, or could have been.
    pub(crate) exposure_ms: i64,
    /// For how long those that became free had been in use.
    pub(crate) held_ms: i64,
    /// How many became free, in thousandths.
    pub(crate) departures: i64,
    /// Up to when that was counted.
    pub(crate) counted_at: Millis,
    /// How many became free, ever.
    pub(crate) seen: u64,
    /// Waits of those who found a place free.
    pub(crate) walks: Ring,
    /// Waits of the others, over what had been expected, in thousandths.
    pub(crate) ratios: Ring,
    /// When the last of those was taken.
    pub(crate) sampled_at: Millis,
    /// How much wider ranges are made, in millionths of a natural logarithm.
    pub(crate) stretch: i64,
}

/// A prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// In the middle; 0 where a place is free.
    pub(crate) expected_ms: i64,
    /// What can be said; `None`: not known yet.
    pub(crate) range_ms: Option<(i64, i64)>,
}

impl Ring {
    /// Where the value with this number lies.
    pub(crate) fn slot(number: u64) -> usize {
        usize::try_from(number % RING_SLOTS as u64).unwrap_or_default()
    }

    fn push(&mut self, value: i64) {
        let slot = Self::slot(self.taken);
        match self.values.get_mut(slot) {
            Some(old) => *old = value,
            None => self.values.push(value),
        }
        self.taken += 1;
    }

    fn is_known(&self) -> bool {
        self.values.len() as u64 >= SAMPLES_MIN
    }

    /// The values at two quantiles.
    fn between(&self, low: f64, high: f64) -> Option<(f64, f64)> {
        if !self.is_known() {
            return None;
        }
        let mut sorted = self.values.clone();
        sorted.sort_unstable();
        let last = real(i64::try_from(sorted.len()).ok()?) - 1.0;
        let at = |place: f64| {
            let place = usize::try_from(whole(place)).ok()?;
            sorted.get(place).map(|value| real(*value))
        };
        Some((at((last * low).floor())?, at((last * high).ceil())?))
    }
}

impl Pace {
    /// Time went by, with so many places in use or open to those who wait.
    pub(crate) fn account(&mut self, now: Millis, places: u32) {
        let passed = now - self.counted_at;
        if (1..=UNSEEN_MS).contains(&passed) {
            self.exposure_ms += passed * i64::from(places);
        }
        if passed > 0 {
            self.counted_at = now;
        }
    }

    /// A place became free that had been in use for so long, while so many waited.
    pub(crate) fn freed(&mut self, held_ms: i64, waiting: usize) {
        let memory = i64::try_from(waiting).unwrap_or(MEMORY_MAX).clamp(MEMORY_MIN, MEMORY_MAX);
        if self.departures >= memory * WHOLE {
            let beyond = self.departures - (memory - 1) * WHOLE;
            let whole = self.departures;
            for sum in [&mut self.exposure_ms, &mut self.held_ms, &mut self.departures] {
                *sum -= i64::try_from(i128::from(*sum) * i128::from(beyond) / i128::from(whole))
                    .unwrap_or_default();
            }
        }
        self.departures += WHOLE;
        self.held_ms += held_ms.max(0);
        self.seen += 1;
    }

    /// Somebody's wait is over.
    pub(crate) fn waited(&mut self, expected_ms: i64, waited_ms: i64, now: Millis) {
        if expected_ms == 0 {
            self.walks.push(waited_ms);
        } else if now - self.sampled_at >= waited_ms / SAMPLES_A_WAIT {
            self.sampled_at = now;
            self.ratios.push(whole(real(waited_ms) / real(expected_ms) * PARTS));
        }
    }

    /// A range held, or did not, while so many wait.
    pub(crate) fn judged(&mut self, held: bool, waiting: usize) {
        let shared_by = STEP_SHARED_BY_MIN.saturating_add_unsigned(waiting as u64);
        let by = if held { -FAIL_PERCENT } else { 100 - FAIL_PERCENT };
        self.stretch = (self.stretch + STEP / shared_by * by / 100).clamp(0, STRETCH_MAX);
    }

    /// The wait of the one at `position`, with `free` of `places` not in use.
    pub(crate) fn forecast(&self, position: u32, places: u32, free: u32) -> Option<Forecast> {
        if self.seen < SAMPLES_MIN || self.departures <= 0 {
            return None;
        }
        if position <= free {
            let range_ms = self.walks.between(LOW, HIGH).map(|(low, high)| outward(low, high));
            return Some(Forecast { expected_ms: 0, range_ms });
        }
        if places == 0 {
            return None;
        }
        let ahead = f64::from(position - free);
        let count = real(self.departures) / real(WHOLE);
        // One millisecond at least: a desk where nothing takes time is a desk in a test.
        let each = |sum_ms: i64| (real(sum_ms) / count * ahead / f64::from(places)).max(1.0);
        let (quick, slow) = (each(self.held_ms), each(self.exposure_ms));
        let (quick, slow) = (quick.min(slow), quick.max(slow));
        let expected = (quick * slow).sqrt();
        // The k-th of many departures comes after a gamma distributed time.
        let (least, most) = (gamma(ahead, -Z), gamma(ahead, Z));
        let unsure = (Z * (1.0 / count + DRIFT * DRIFT).sqrt()).exp();
        let alone = (quick * least / unsure, slow * most * unsure);
        let learned = self.ratios.between(LOW, HIGH);
        let learned = learned.map(|(low, high)| {
            (expected * (low / PARTS).min(least), expected * (high / PARTS).max(most))
        });
        // What was learned within few waits is not all that can happen.
        let (low, high) = match learned {
            None => alone,
            Some(range) if self.ratios.taken >= LEARNED => range,
            Some((low, high)) => (low.min(alone.0), high.max(alone.1)),
        };
        let stretch = (real(self.stretch) / 1_000_000.0).exp();
        let (low, high) = (low / stretch, high * stretch);
        let expected_ms = whole(expected).max(1);
        Some(Forecast { expected_ms, range_ms: Some(outward(low, high)) })
    }
}

/// People are told whole seconds.
fn outward(low_ms: f64, high_ms: f64) -> (i64, i64) {
    (whole((low_ms / 1_000.0).floor()) * 1_000, whole((high_ms / 1_000.0).ceil().max(1.0)) * 1_000)
}

/// A quantile of the sum of `k` exponential times of mean 1, over `k`. Source: Wilson and
/// Hilferty, "The distribution of chi-square", PNAS 17 (1931).
fn gamma(k: f64, z: f64) -> f64 {
    (1.0 - 1.0 / (9.0 * k) + z / (3.0 * k.sqrt())).max(0.0).powi(3)
}

#[expect(clippy::cast_precision_loss, reason = "times stay far below 2^52 ms")]
const fn real(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and stays far below")]
const fn whole(value: f64) -> i64 {
    value as i64
}
