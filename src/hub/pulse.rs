//! When a connection is looked at next, and what is due then: pings, pongs, the session that
//! does not open, the token that ends, the close that is not answered.
//!
//! Pure: the time comes in ticks of the edge's wheel.

use protocol::Millis;
use protocol::close::CloseCode;
use protocol::limits;
use std::time::Duration;

/// The time-outs of a connection. The defaults are the protocol's; tests make them short.
#[derive(Debug, Clone)]
pub struct Tempo {
    /// How often the wheel turns: everything below is this coarse.
    pub tick: Duration,
    /// From the upgrade to `session.open`.
    pub session_open: Duration,
    /// And from there on to its answer, where it came.
    pub session_answer: Duration,
    /// Between two pings, ±20 % a connection.
    pub ping_interval: Duration,
    /// From a ping to any frame of the client.
    pub pong: Duration,
    /// `session.expiring` comes this long before the token ends.
    pub expiry_warning: Duration,
    /// A session outlives its token by this much.
    pub expiry_grace: Duration,
    /// From our close to the end of the connection: for what still waits, and for the client's
    /// own close.
    pub close: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        let millis = |ms: i64| Duration::from_millis(ms.unsigned_abs());
        Self {
            tick: Duration::from_secs(1),
            session_open: Duration::from_millis(limits::SESSION_OPEN_TIMEOUT_MS),
            session_answer: Duration::from_millis(limits::SESSION_ANSWER_TIMEOUT_MS),
            ping_interval: Duration::from_millis(limits::PING_INTERVAL_MS),
            pong: Duration::from_millis(limits::PONG_TIMEOUT_MS),
            expiry_warning: millis(limits::EXPIRY_WARNING_MS),
            expiry_grace: millis(limits::EXPIRY_GRACE_MS),
            close: Duration::from_secs(5),
        }
    }
}

impl Tempo {
    /// Ticks that last at least so long.
    pub(crate) fn ticks(&self, time: Duration) -> u32 {
        let ticks = time.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }

    /// This connection's own ping interval.
    fn ping_ticks(&self, lot: u32) -> u32 {
        // 80 % … 120 %.
        let permille = 800 + lot % 401;
        self.ticks(self.ping_interval * permille / 1_000)
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    /// Warn that the token ends then.
    Expiring(Millis),
    Close(CloseCode),
    Abort,
}

/// A connection's state, as [`Pulse::visit`] needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) open: bool,
    /// `session.open` came, and is being answered.
    pub(super) opening: bool,
    pub(super) closed: bool,
    /// Tick at which the client was last heard.
    pub(super) heard: u32,
    pub(super) lot: u32,
    pub(super) token_expires_at: Option<Millis>,
}

/// See the module. All times are ticks; 0 stands for never.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    open_by: u32,
    ping_at: u32,
    /// A ping was sent then, and nothing was heard since.
    pinged_at: u32,
    close_by: u32,
    /// The next visit; others are out of date.
    visit_at: u32,
    warned: bool,
}

impl Pulse {
    /// A newer token: warn again when it ends.
    pub(super) fn renewed(&mut self) {
        self.warned = false;
    }

    /// Whether a visit is the one that was last arranged.
    pub(super) fn expects(&self, tick: u32) -> bool {
        self.visit_at == tick
    }

    pub(super) fn arrange(&mut self, tick: u32) {
        self.visit_at = tick;
    }

    /// What is due now, and when to come again.
    pub(super) fn visit(
        &mut self,
        now: u32,
        now_ms: Millis,
        tempo: &Tempo,
        seen: Seen,
    ) -> (Vec<Due>, u32) {
        let mut due = Vec::new();
        if seen.closed {
            if self.close_by == 0 {
                self.close_by = now.saturating_add(tempo.ticks(tempo.close));
            }
            if now >= self.close_by {
                due.push(Due::Abort);
            }
            return (due, self.close_by.max(now + 1));
        }
        if !seen.open {
            if self.open_by == 0 {
                self.open_by = now.saturating_add(tempo.ticks(tempo.session_open));
            }
            // Who asked in time did nothing wrong: they come again.
            let (by, code) = if seen.opening {
                let more = tempo.ticks(tempo.session_answer);
                (self.open_by.saturating_add(more), CloseCode::Resync)
            } else {
                (self.open_by, CloseCode::Violated)
            };
            if now >= by {
                due.push(Due::Close(code));
            }
            return (due, by.max(now + 1));
        }
        let mut next = self.beat(now, tempo, seen, &mut due);
        if let Some(expires_at) = seen.token_expires_at {
            next = next.min(self.token(now, now_ms, tempo, expires_at, &mut due));
        }
        (due, next.max(now + 1))
    }

    fn beat(&mut self, now: u32, tempo: &Tempo, seen: Seen, due: &mut Vec<Due>) -> u32 {
        if self.ping_at == 0 {
            self.ping_at = now.saturating_add(tempo.ping_ticks(seen.lot));
        }
        if self.pinged_at != 0 && seen.heard >= self.pinged_at {
            self.ping_at = self.pinged_at.saturating_add(tempo.ping_ticks(seen.lot));
            self.pinged_at = 0;
        }
        if self.pinged_at != 0 {
            let pong_by = self.pinged_at.saturating_add(tempo.ticks(tempo.pong));
            if now >= pong_by {
                due.push(Due::Close(CloseCode::NoPong));
            }
            return pong_by;
        }
        if now >= self.ping_at {
            due.push(Due::Ping);
            self.pinged_at = now.max(1);
            return now.saturating_add(tempo.ticks(tempo.pong));
        }
        self.ping_at
    }

    fn token(
        &mut self,
        now: u32,
        now_ms: Millis,
        tempo: &Tempo,
        expires_at: Millis,
        due: &mut Vec<Due>,
    ) -> u32 {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let in_ticks = |left_ms: i64| {
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            now.saturating_add(tempo.ticks(left))
        };
        let left = expires_at.saturating_sub(now_ms);
        let warn_in = left.saturating_sub(ms(tempo.expiry_warning));
        if warn_in > 0 {
            return in_ticks(warn_in);
        }
        if !self.warned {
            self.warned = true;
            due.push(Due::Expiring(expires_at));
        }
        let close_in = left.saturating_add(ms(tempo.expiry_grace));
        if close_in <= 0 {
            due.push(Due::Close(CloseCode::TokenExpired));
        }
        in_ticks(close_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Seen = Seen {
        open: true,
        opening: false,
        closed: false,
        heard: 0,
        lot: 200,
        token_expires_at: None,
    };

    fn visit(pulse: &mut Pulse, now: u32, seen: Seen) -> (Vec<Due>, u32) {
        pulse.visit(now, i64::from(now) * 1_000, &Tempo::default(), seen)
    }

    #[test]
    fn a_session_opens_within_10_s_or_not_at_all() {
        let (mut pulse, seen) = (Pulse::default(), Seen { open: false, ..OPEN });
        assert_eq!(visit(&mut pulse, 5, seen), (vec![], 15));
        assert_eq!(visit(&mut pulse, 14, seen), (vec![], 15));
        assert_eq!(visit(&mut pulse, 15, seen).0, [Due::Close(CloseCode::Violated)]);
    }

    #[test]
    fn a_session_that_is_being_opened_has_20_s_more_and_may_come_again() {
        let (mut pulse, seen) = (Pulse::default(), Seen { open: false, opening: true, ..OPEN });
        assert_eq!(visit(&mut pulse, 5, seen), (vec![], 35));
        assert_eq!(visit(&mut pulse, 34, seen), (vec![], 35));
        assert_eq!(visit(&mut pulse, 35, seen).0, [Due::Close(CloseCode::Resync)]);
        let refused = Seen { opening: false, ..seen };
        assert_eq!(visit(&mut pulse, 35, refused).0, [Due::Close(CloseCode::Violated)]);
    }

    #[test]
    fn pings_every_25_s_and_closes_10_s_after_a_missed_one() {
        let mut pulse = Pulse::default();
        assert_eq!(visit(&mut pulse, 100, OPEN), (vec![], 125));
        assert_eq!(visit(&mut pulse, 125, OPEN), (vec![Due::Ping], 135));
        assert_eq!(visit(&mut pulse, 134, OPEN), (vec![], 135));
        let heard = Seen { heard: 130, ..OPEN };
        assert_eq!(visit(&mut pulse, 135, heard), (vec![], 150));
        assert_eq!(visit(&mut pulse, 150, heard), (vec![Due::Ping], 160));
        assert_eq!(visit(&mut pulse, 160, heard).0, [Due::Close(CloseCode::NoPong)]);
    }

    #[test]
    fn the_interval_varies_by_a_fifth() {
        let tempo = Tempo::default();
        let all: Vec<u32> = (0..401).map(|lot| tempo.ping_ticks(lot)).collect();
        assert_eq!((all.iter().min(), all.iter().max()), (Some(&20), Some(&30)));
    }

    #[test]
    fn warns_a_minute_before_the_token_ends_and_closes_25_s_after() {
        let mut pulse = Pulse::default();
        let tempo = Tempo { ping_interval: Duration::from_secs(100_000), ..Tempo::default() };
        let seen = Seen { token_expires_at: Some(900_000), ..OPEN };
        let mut at = |now: u32| pulse.visit(now, i64::from(now) * 1_000, &tempo, seen);
        assert_eq!(at(1), (vec![], 840));
        assert_eq!(at(839), (vec![], 840));
        assert_eq!(at(840), (vec![Due::Expiring(900_000)], 925));
        assert_eq!(at(924), (vec![], 925));
        assert_eq!(at(925).0, [Due::Close(CloseCode::TokenExpired)]);
        let seen = Seen { token_expires_at: Some(1_800_000), ..OPEN };
        pulse.renewed();
        assert_eq!(pulse.visit(926, 926_000, &tempo, seen), (vec![], 1_740));
        assert_eq!(pulse.visit(1_740, 1_740_000, &tempo, seen).0, [Due::Expiring(1_800_000)]);
    }

    #[test]
    fn an_unanswered_close_ends_after_5_s() {
        let (mut pulse, seen) = (Pulse::default(), Seen { closed: true, ..OPEN });
        assert_eq!(visit(&mut pulse, 7, seen), (vec![], 12));
        assert_eq!(visit(&mut pulse, 12, seen).0, [Due::Abort]);
    }
}
