//! An append that is in its topic's queue: what is appended later comes after it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// See the module.
pub enum Begun<F: Future> {
    /// It was answered at once.
    Done(F::Output),
    /// It is on its way.
    Waits(Pin<Box<F>>),
}

/// Polls an append once, which puts it into the queue.
pub async fn begin<F: Future>(append: F) -> Begun<F> {
    let mut append = Box::pin(append);
    match poll_fn(|cx| Poll::Ready(append.as_mut().poll(cx))).await {
        Poll::Ready(output) => Begun::Done(output),
        Poll::Pending => Begun::Waits(append),
    }
}

impl<F: Future> Begun<F> {
    /// What came of it.
    pub async fn end(self) -> F::Output {
        match self {
            Self::Done(output) => output,
            Self::Waits(append) => append.await,
        }
    }
}
