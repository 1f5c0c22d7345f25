//! An append that is in its topic's queue: what is appended later comes after it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

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

/// An append and what follows from it. Where nobody waits for it any more, since the connection
/// broke off, it goes on in a task of its own from its first poll on; as long as somebody does,
/// it costs none.
pub struct Lasting<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    rest: Option<Pin<Box<F>>>,
    is_begun: bool,
}

impl<F> Lasting<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Of a future that was not polled yet.
    pub fn new(future: F) -> Self {
        Self { rest: Some(Box::pin(future)), is_begun: false }
    }
}

impl<F> Future for Lasting<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.is_begun = true;
        // Taken out meanwhile: one that panics is not polled again.
        let Some(mut rest) = self.rest.take() else { return Poll::Pending };
        let polled = rest.as_mut().poll(cx);
        if polled.is_pending() {
            self.rest = Some(rest);
        }
        polled
    }
}

impl<F> Drop for Lasting<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take().filter(|_| self.is_begun)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                rest.await;
            });
        }
    }
}
