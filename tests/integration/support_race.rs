//! Days by chance through the store: two nodes decide about one desk at the same time, commits are
//! lost or refused between a decision and what follows from it, and at the end nobody is
//! forgotten, nobody has two coaches, and no coach has more people than wanted. On both engines.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, client_id};
use futures_util::future::join_all;
use protocol::conversations::Send;
use protocol::support::{
    Accept, Ask, Board, Cancel, Claim, Close, Decline, GetBoard, GetHistory, GetStatus, Reopen,
    Request, SetCoach, State, Transfer,
};
use protocol::{ConversationId, DeskId, RequestId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sanctuary::clock::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use tempfile::tempdir;

const MEMBERS: u32 = 10;
const COACHES: u32 = 3;
const CAPACITY: u32 = 2;
const ROUNDS: usize = 14;
const AT_ONCE: usize = 8;
/// Time for what a crash left undone: relay timers are due by then.
const RELAYED_MS: i64 = 60_000;

struct Day {
    nodes: Vec<TestServer>,
    desk: DeskId,
    members: Vec<Person>,
    coaches: Vec<Person>,
    /// Requests that were acknowledged, and whose.
    asked: Mutex<BTreeMap<RequestId, usize>>,
}

/// What somebody does, on one of the nodes.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Ask(usize),
    Cancel(usize, RequestId),
    Reopen(usize, RequestId),
    Claim(usize, RequestId),
    Accept(usize, RequestId),
    Decline(usize, RequestId),
    Transfer(usize, RequestId, Option<usize>),
    Close(usize, RequestId),
}

impl Day {
    async fn new(nodes: Vec<TestServer>) -> Self {
        let desk = nodes[0].general().await;
        let members = nodes[0].people("m", MEMBERS, None).await;
        let coaches = nodes[0].people("c", COACHES, Some(sanctuary::auth::Role::Coach)).await;
        for coach in &coaches {
            let set = SetCoach { capacity: Some(CAPACITY), ..SetCoach::default() };
            nodes[0].by(coach, set).await.unwrap();
        }
        Self { nodes, desk, members, coaches, asked: Mutex::default() }
    }

    fn deed(&self, rng: &mut StdRng) -> Deed {
        let member = rng.random_range(0..self.members.len());
        let coach = rng.random_range(0..self.coaches.len());
        let asked = self.asked.lock().unwrap();
        let all: Vec<(RequestId, usize)> = asked.iter().map(|(id, whose)| (*id, *whose)).collect();
        let newest = all.len().saturating_sub(2 * self.members.len());
        let Some(&(id, whose)) = all.get(rng.random_range(newest..all.len().max(newest + 1)))
        else {
            return Deed::Ask(member);
        };
        match rng.random_range(0..14) {
            0..4 => Deed::Ask(member),
            4 => Deed::Cancel(whose, id),
            5 => Deed::Reopen(whose, id),
            6..8 => Deed::Claim(coach, id),
            8..10 => Deed::Accept(coach, id),
            10 => Deed::Decline(coach, id),
            11 => {
                let named = rng.random::<bool>();
                let to = rng.random_range(0..self.coaches.len());
                Deed::Transfer(coach, id, named.then_some(to))
            }
            _ => Deed::Close(coach, id),
        }
    }

    /// Whether it was done or not is of no matter; that it is so for all is looked at later.
    async fn perform(&self, node: &TestServer, deed: Deed) {
        match deed {
            Deed::Ask(member) => {
                let ask = Ask {
                    desk_id: self.desk,
                    client_id: Some(client_id()),
                    subject: "a word".to_owned(),
                    text: None,
                    expertise: None,
                    preferred_coach_id: None,
                    fee: None,
                };
                if let Ok(asked) = node.by(&self.members[member], ask).await {
                    self.asked.lock().unwrap().insert(asked.request.id, member);
                }
            }
            Deed::Cancel(member, request_id) => {
                let _ = node.by(&self.members[member], Cancel { request_id }).await;
            }
            Deed::Reopen(member, request_id) => {
                let _ = node.by(&self.members[member], Reopen { request_id }).await;
            }
            Deed::Claim(coach, request_id) => {
                let _ = node.by(&self.coaches[coach], Claim { request_id }).await;
            }
            Deed::Accept(coach, request_id) => {
                let _ = node.by(&self.coaches[coach], Accept { request_id }).await;
            }
            Deed::Decline(coach, request_id) => {
                let _ = node.by(&self.coaches[coach], Decline { request_id }).await;
            }
            Deed::Transfer(coach, request_id, to) => {
                let coach_id = to.map(|to| self.coaches[to].id);
                let transfer = Transfer { request_id, coach_id };
                let _ = node.by(&self.coaches[coach], transfer).await;
            }
            Deed::Close(coach, request_id) => {
                let close = Close { request_id, summary: None };
                let _ = node.by(&self.coaches[coach], close).await;
            }
        }
    }

    async fn pass(&self, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..ROUNDS {
            let node = &self.nodes[rng.random_range(0..2)];
            match rng.random_range(0..6) {
                0 => node.faults.refuse_commits(rng.random_range(1..4)),
                1 => node.faults.lose_commit_results(rng.random_range(1..4)),
                2 => node.later(rng.random_range(1_000..40_000)).await,
                _ => {}
            }
            let deeds: Vec<_> =
                (0..AT_ONCE).map(|_| (rng.random_range(0..2), self.deed(&mut rng))).collect();
            join_all(deeds.iter().map(|(node, deed)| self.perform(&self.nodes[*node], *deed)))
                .await;
            let load = self.board(0).await;
            if let Some(load) = load {
                check_loads(&load);
            }
        }
        for node in &self.nodes {
            node.faults.refuse_commits(0);
            node.faults.lose_commit_results(0);
        }
        for _ in 0..3 {
            for node in &self.nodes {
                node.later(RELAYED_MS).await;
            }
        }
    }

    async fn board(&self, node: usize) -> Option<Board> {
        self.nodes[node].by(&self.coaches[0], GetBoard { desk_id: self.desk }).await.ok()
    }

    async fn judge(&self) {
        self.nodes[0].clock.advance(10_000);
        let (left, right) = (self.board(0).await.unwrap(), self.board(1).await.unwrap());
        assert_eq!(left, right, "both nodes know the same");
        check_loads(&left);
        let on_board: BTreeMap<RequestId, &Request> =
            left.waiting.iter().chain(&left.active).map(|request| (request.id, request)).collect();
        let mut open = BTreeSet::new();
        for member in &self.members {
            let status = self.nodes[1].by(member, GetStatus {}).await.unwrap();
            let Some(request) = status.request else { continue };
            assert_eq!(on_board.get(&request.id), Some(&&request), "the member's and the desk's");
            open.insert(request.id);
            self.check_talk(&request).await;
        }
        let known: BTreeSet<RequestId> = on_board.keys().copied().collect();
        assert_eq!(known, open, "who is on the desk is somebody's");
        let asked = self.asked.lock().unwrap().clone();
        for (id, member) in asked {
            let past = GetHistory { limit: Some(100), ..GetHistory::default() };
            let past = self.nodes[0].by(&self.members[member], past).await.unwrap().items;
            let ended = past.iter().filter(|request| request.id == id).count();
            let there = usize::from(open.contains(&id));
            assert!(ended + there >= 1, "nobody is forgotten: {id}");
        }
    }

    /// Only the coach who answers writes, beside the member.
    async fn check_talk(&self, request: &Request) {
        if !matches!(request.state, State::Active | State::Transferring) {
            assert_eq!(request.coach, None);
            return;
        }
        let owner = request.coach.as_ref().unwrap().id;
        for coach in &self.coaches {
            let sent = self.nodes[0].by(coach, words(request.conversation_id)).await;
            assert_eq!(sent.is_ok(), coach.id == owner, "{sent:?}");
        }
    }
}

fn words(conversation_id: ConversationId) -> Send {
    Send {
        conversation_id,
        client_id: client_id(),
        text: Some("a word".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    }
}

fn check_loads(board: &Board) {
    for coach in &board.coaches {
        assert!(coach.load <= coach.capacity, "{coach:?}");
    }
    let mut seen = BTreeSet::new();
    for request in board.waiting.iter().chain(&board.active) {
        assert!(seen.insert(request.id), "twice on the board");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_by_chance_on_two_nodes_of_the_embedded_store() {
    for seed in 0..3 {
        let folder = tempdir().unwrap();
        let clock = Clock::manual(START);
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(TestServer::open_at(folder.path(), clock.clone()).await);
        }
        let day = Day::new(nodes).await;
        // Two coaches are here, for the one node and for the other; the third claims by hand.
        let _sockets = [
            day.nodes[0].socket(&day.coaches[0]).await,
            day.nodes[1].socket(&day.coaches[1]).await,
        ];
        day.pass(seed).await;
        day.judge().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_by_chance_on_two_nodes_of_a_cluster() {
    let Some(site) = Site::on_cassandra().await else { return };
    let clock = Clock::manual(START);
    let nodes = vec![site.open(&clock).await, site.open(&clock).await];
    let day = Day::new(nodes).await;
    let _sockets =
        [day.nodes[0].socket(&day.coaches[0]).await, day.nodes[1].socket(&day.coaches[1]).await];
    day.pass(7).await;
    day.judge().await;
}
