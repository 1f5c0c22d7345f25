//! What a publish to Redis costs, in batches and one by one: `cargo bench --bench publish`.
//!
//! Needs `redis-server`. A thread publishes at a steady rate; the bus and its connection run on
//! another thread, whose time on a core is what is measured, by the kernel's own count.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic")]

use bytes::Bytes;
use protocol::{GroupId, Topic};
use sanctuary::bus::{Bus as _, Channel, Publication, RedisBus};
use sanctuary::clock::Clock;
use sanctuary::redis::Redis;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const RATE_PER_S: u32 = 10_000;
const SECONDS: u32 = 5;
const BODY_BYTES: usize = 200;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Time on a core of the thread that calls.
fn own_thread() -> String {
    let id = std::fs::read_link("/proc/thread-self").unwrap();
    format!("/proc/{}/schedstat", id.display())
}

fn on_core(schedstat: &str) -> Duration {
    let text = std::fs::read_to_string(schedstat).unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = ["--save", "", "--bind", "127.0.0.1", "--loglevel", "warning", "--port"];
    let server = Command::new("redis-server")
        .args(options)
        .arg(port.to_string())
        .stdout(Stdio::null())
        .spawn();
    let _server = Server(server.unwrap());
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (ready, bus) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let redis = Redis::open(&[format!("redis://127.0.0.1:{port}/")]).unwrap();
            let bus = RedisBus::publisher(redis, Clock::system());
            ready.send((Arc::clone(&bus), own_thread())).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let (bus, thread) = bus.recv().unwrap();
    // Connects, and warms up.
    round(&bus, &thread, 1);
    let mut costs = Vec::new();
    for singly in [true, false, true, false] {
        bus.publish_singly(singly);
        let cost = round(&bus, &thread, SECONDS);
        let how = if singly { "one by one" } else { "in batches" };
        println!("{how}: {:.2} us of a core a publish, at {RATE_PER_S}/s", cost * 1e6);
        costs.push(cost);
    }
    let ratio = (costs[1] + costs[3]) / (costs[0] + costs[2]);
    println!("in batches / one by one: {ratio:.2}");
}

/// Seconds of a core for each publish.
fn round(bus: &Arc<RedisBus>, thread: &str, seconds: u32) -> f64 {
    let group = GroupId(Uuid::from_u128(1));
    let before = on_core(thread);
    let begun = Instant::now();
    let all = RATE_PER_S * seconds;
    for n in 0..all {
        let due = begun + Duration::from_secs(1) / RATE_PER_S * n;
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
        bus.publish_blocking(vec![Publication {
            topic: Topic::Group(group),
            seq: u64::from(n) + 1,
            at: 0,
            body: Bytes::from(vec![7; BODY_BYTES]),
            audience: vec![Channel::Group(group)],
        }]);
    }
    let took = begun.elapsed();
    std::thread::sleep(Duration::from_millis(300));
    let spent = on_core(thread).checked_sub(before).unwrap();
    println!("  {all} publications in {:.2} s", took.as_secs_f64());
    spent.as_secs_f64() / f64::from(all)
}
