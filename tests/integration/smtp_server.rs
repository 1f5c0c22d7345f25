//! A mail server that takes what it is told to take: enough of RFC 5321 for a client that is
//! right.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What was taken: the envelope's address, and the message.
pub(crate) type Taken = (String, String);

/// See the module.
pub(crate) struct SmtpServer {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// What is said to an address; 250 takes it.
    answer: Arc<Mutex<&'static str>>,
    task: JoinHandle<()>,
}

impl SmtpServer {
    /// On an address, or a free one (port 0).
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new("250 fine"));
        let (takes, says) = (Arc::clone(&taken), Arc::clone(&answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&takes), Arc::clone(&says)));
            }
        });
        Self { address, taken, answer, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// From now on, addresses hear this.
    pub(crate) fn answer(&self, line: &'static str) {
        *self.answer.lock().unwrap() = line;
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn stop(self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    taken: Arc<Mutex<Vec<Taken>>>,
    answer: Arc<Mutex<&'static str>>,
) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await.ok()?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await.ok()? {
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => "250-test\r\n250 8BITMIME".to_owned(),
            "RCPT" => {
                to = line.trim_start_matches("RCPT TO:<").split('>').next()?.to_owned();
                answer.lock().unwrap().to_owned()
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                }
                taken.lock().unwrap().push((to.clone(), text));
                "250 taken".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 fine".to_owned(),
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}
