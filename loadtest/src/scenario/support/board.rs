//! A coach's copy of the desk's queue: read once, then kept by `desk.changed`, and read again
//! when the version jumps. Pure.

use protocol::support::{Board, DeskChange, DeskChanged, Request, State};
use protocol::{Millis, RequestId, UserId};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Changes that are kept while a board is being read.
const PENDING_MAX: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// `None` until read, and again after a jump.
    version: Option<u64>,
    /// Oldest first.
    waiting: BTreeSet<(Millis, RequestId)>,
    asked_at: HashMap<RequestId, Millis>,
    /// What came while the board was being read.
    pending: Vec<DeskChanged>,
}

impl Queue {
    /// Whether the board has to be read.
    pub(super) const fn is_stale(&self) -> bool {
        self.version.is_none()
    }

    /// The connection was away: what it says next may jump.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A board was read. Only requests of `members` count.
    pub(super) fn read(&mut self, board: &Board, members: &HashSet<UserId>) {
        let mut pending = std::mem::take(&mut self.pending);
        self.forget();
        self.version = Some(board.version);
        for request in &board.waiting {
            self.put(request, members);
        }
        pending.sort_by_key(|change| change.version);
        for change in &pending {
            self.changed(change, members);
        }
    }

    /// A change came.
    pub(super) fn changed(&mut self, change: &DeskChanged, members: &HashSet<UserId>) {
        match self.version {
            Some(version) if change.version <= version => {}
            Some(version) if change.version == version + 1 => {
                self.version = Some(change.version);
                for change in &change.changes {
                    if let DeskChange::Request(request) = change {
                        self.put(request, members);
                    }
                }
            }
            _ => {
                self.version = None;
                if self.pending.len() < PENDING_MAX {
                    self.pending.push(change.clone());
                }
            }
        }
    }

    fn put(&mut self, request: &Request, members: &HashSet<UserId>) {
        self.remove(request.id);
        if request.state == State::Queued && members.contains(&request.member.id) {
            self.waiting.insert((request.created_at, request.id));
            self.asked_at.insert(request.id, request.created_at);
        }
    }

    /// It is somebody else's, or over.
    pub(super) fn remove(&mut self, request: RequestId) {
        if let Some(at) = self.asked_at.remove(&request) {
            self.waiting.remove(&(at, request));
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The one at `place`, 0 for the oldest.
    pub(super) fn at(&self, place: usize) -> Option<RequestId> {
        self.waiting.iter().nth(place).map(|&(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::people::Person;
    use protocol::{ConversationId, DeskId};
    use uuid::Uuid;

    const MEMBER: UserId = UserId(Uuid::from_u128(1));

    fn id(n: i64) -> RequestId {
        RequestId(Uuid::from_u128(n.unsigned_abs().into()))
    }

    fn request(n: i64, state: State) -> Request {
        Request {
            id: id(n),
            desk_id: DeskId(Uuid::nil()),
            member: Person { id: MEMBER, name: String::new() },
            subject: String::new(),
            expertise: None,
            state,
            coach: None,
            conversation_id: ConversationId(Uuid::nil()),
            created_at: n,
            offered_to: None,
            offered_until: None,
            fee: None,
            claimed_at: None,
            ended_at: None,
            grace_until: None,
            summary: None,
            rating: None,
        }
    }

    fn change(version: u64, n: i64, state: State) -> DeskChanged {
        let changes = vec![DeskChange::Request(Box::new(request(n, state)))];
        DeskChanged { version, changes }
    }

    fn board(version: u64, waiting: &[i64]) -> Board {
        let waiting: Vec<_> = waiting.iter().map(|&n| request(n, State::Queued)).collect();
        Board {
            version,
            waiting_total: u32::try_from(waiting.len()).unwrap(),
            waiting,
            active: Vec::new(),
            active_total: 0,
            coaches: Vec::new(),
        }
    }

    #[test]
    fn changes_move_the_queue_on_and_the_oldest_stands_first() {
        let members = HashSet::from([MEMBER]);
        let mut queue = Queue::default();
        queue.read(&board(5, &[7, 3]), &members);
        queue.changed(&change(6, 1, State::Queued), &members);
        queue.changed(&change(7, 3, State::Active), &members);
        assert_eq!((queue.len(), queue.at(0), queue.at(1)), (2, Some(id(1)), Some(id(7))));
        queue.changed(&change(6, 9, State::Queued), &members);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_jump_makes_the_board_be_read_again_and_loses_nothing_meanwhile() {
        let members = HashSet::from([MEMBER]);
        let mut queue = Queue::default();
        queue.read(&board(5, &[]), &members);
        queue.changed(&change(7, 7, State::Queued), &members);
        assert!(queue.is_stale());
        queue.changed(&change(8, 8, State::Queued), &members);
        queue.read(&board(6, &[6]), &members);
        assert!(!queue.is_stale());
        assert_eq!(queue.len(), 3);
    }

    #[test]
    fn requests_of_strangers_are_left_alone() {
        let mut queue = Queue::default();
        queue.read(&board(1, &[1]), &HashSet::new());
        assert_eq!((queue.len(), queue.at(0)), (0, None));
    }
}
