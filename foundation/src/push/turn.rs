//! Whose turn it is to write, among the sockets of one thread.
//!
//! A message for a thousand sockets gives each of them something to write at once, and the requests that the same thread
//! serves would wait behind all of their writes. So sockets write in groups of [`GROUP`], and between two groups everything
//! else has its go. Frames that arrive meanwhile join those that wait: the busier the server, the fewer and larger its
//! writes.
//!
//! Protocol: a publisher appends the wakers of idle sockets to the line, then wakes the thread's usher if it sleeps. The usher
//! is a task that wakes a group, yields behind everything that is ready, and repeats until the line is empty. A publish to
//! a thousand sockets wakes one task per thread, after all frames are queued: woken earlier, that thread would take the
//! processor from the publisher. Publishing takes one short lock per socket, which is never held during a wake. The waker
//! of a socket that ended has no effect.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Sockets that write before everything else has its go: some 50 µs, more only where some have fallen behind. More of them
/// keep requests waiting, whose frames could have joined those of the sockets behind.
const GROUP: usize = 8;

thread_local! {
    static LINE: OnceCell<Arc<Line>> = const { OnceCell::new() };
}

/// The sockets of one thread that have something to write.
#[derive(Default)]
pub(super) struct Line(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    sockets: VecDeque<Waker>,
    /// The usher's waker while it sleeps.
    usher: Option<Waker>,
}

impl Line {
    /// The line of this thread, which must be one of the HTTP server's.
    pub(super) fn here() -> Arc<Self> {
        let start = || {
            let line = Arc::new(Self::default());
            drop(actix_web::rt::spawn(usher(Arc::clone(&line))));
            line
        };
        LINE.with(|line| Arc::clone(line.get_or_init(start)))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a socket last; it is woken when its turn comes, which `calls` may have to see to. From any thread.
    pub(super) fn join(&self, socket: Waker, calls: &mut Calls) {
        let mut waiting = self.lock();
        waiting.sockets.push_back(socket);
        calls.0.extend(waiting.usher.take());
    }

    /// Moves the next sockets to `group`, once there are any.
    fn poll_group(&self, group: &mut Vec<Waker>, context: &Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        let count = waiting.sockets.len().min(GROUP);
        if count == 0 {
            // A burst's room is not kept.
            waiting.sockets.shrink_to(GROUP);
            waiting.usher = Some(context.waker().clone());
            return Poll::Pending;
        }
        group.extend(waiting.sockets.drain(..count));
        Poll::Ready(())
    }
}

/// The ushers whose lines have grown; dropping this wakes them.
#[derive(Default)]
pub(super) struct Calls(Vec<Waker>);

impl Calls {
    /// Calls those who wait already.
    pub(super) fn call(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.call();
    }
}

/// Lets group after group in, as long as the thread lives.
async fn usher(line: Arc<Line>) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        poll_fn(|context| line.poll_group(&mut group, context)).await;
        group.drain(..).for_each(Waker::wake);
        // Behind what the network and other threads have made ready: a task that wakes itself would come before those.
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::sync::watch;

    use super::*;

    async fn turn() {
        let mut waits = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waits, true) {
                return Poll::Ready(());
            }
            Line::here().join(context.waker().clone(), &mut Calls::default());
            Poll::Pending
        })
        .await;
    }

    #[actix_web::test]
    async fn a_crowd_of_answers_passes_a_crowd_of_sockets() {
        let (arrived, written) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (answer, answers) = watch::channel(());
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let (arrived, written, mut answers) = (Rc::clone(&arrived), Rc::clone(&written), answers.clone());
                actix_web::rt::spawn(async move {
                    arrived.set(arrived.get() + 1);
                    answers.changed().await.unwrap();
                    written.get()
                })
            })
            .collect();
        let sockets: Vec<_> = (0..256 * GROUP)
            .map(|_| {
                let (arrived, written) = (Rc::clone(&arrived), Rc::clone(&written));
                actix_web::rt::spawn(async move {
                    arrived.set(arrived.get() + 1);
                    turn().await;
                    written.set(written.get() + 1);
                })
            })
            .collect();
        while arrived.get() < requests.len() + sockets.len() {
            tokio::task::yield_now().await;
        }
        let before = written.get();
        // From another thread, as the writer's come.
        std::thread::spawn(move || answer.send(())).join().unwrap().unwrap();
        for request in requests {
            let passed = request.await.unwrap() - before;
            assert!(passed <= 16 * GROUP, "{passed} sockets wrote before an answer");
        }
        for socket in sockets {
            socket.await.unwrap();
        }
        assert_eq!(written.get(), 256 * GROUP, "every socket has its turn");
    }

    #[actix_web::test]
    async fn nobody_is_called_before_all_have_their_frame() {
        #[derive(Default)]
        struct Woken(AtomicUsize);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        // The usher is asleep.
        turn().await;
        tokio::task::yield_now().await;
        let (line, woken, mut calls) = (Line::here(), Arc::new(Woken::default()), Calls::default());
        for _ in 0..GROUP {
            line.join(Waker::from(Arc::clone(&woken)), &mut calls);
            tokio::task::yield_now().await;
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        drop(calls);
        turn().await;
        assert_eq!(woken.0.load(Ordering::Relaxed), GROUP);
    }

    #[actix_web::test]
    async fn a_socket_that_ends_while_it_waits_keeps_nobody_from_a_turn() {
        let waiting: Vec<_> = (0..3 * GROUP).map(|_| actix_web::rt::spawn(turn())).collect();
        tokio::task::yield_now().await;
        waiting.iter().skip(GROUP).take(GROUP).for_each(|socket| socket.abort());
        for socket in waiting.into_iter().skip(2 * GROUP) {
            socket.await.unwrap();
        }
        turn().await;
    }
}
