//! Whose turn it is to write, among the sockets of one thread.
//!
//! A message for a thousand sockets wakes a thousand tasks at once, and the requests that the same thread serves would
//! wait behind all of their writes. So sockets write in groups of [`GROUP`], and between two groups everything else has
//! its go. Frames that arrive meanwhile join those that wait: the busier the server, the fewer and larger its writes.
//!
//! Protocol: a socket with something to write asks for a turn. While nobody waits, the first [`GROUP`] get it at once and
//! the others queue. The thread's usher, a task as any other and thus last in line whenever it has run, forgets what was
//! given and lets the next group in. All state belongs to the thread; nothing is locked. A socket that ends while it waits
//! leaves a waker behind that wakes nobody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// Sockets that write before everything else has its go: some 100 µs.
const GROUP: usize = 16;

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

#[derive(Default)]
struct Turns {
    /// Turns given since the usher has run.
    given: usize,
    waiting: VecDeque<Waker>,
    usher: Usher,
}

#[derive(Default)]
enum Usher {
    /// No socket has asked on this thread yet.
    #[default]
    Missing,
    /// Nothing to do since it ran.
    Asleep(Waker),
    /// It will run.
    Called,
}

/// One socket's place.
#[derive(Debug, Default)]
pub(super) struct Turn {
    waits: bool,
}

impl Turn {
    /// Ready when it is the socket's turn; each turn is asked for anew.
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.waits) {
            return Poll::Ready(());
        }
        TURNS.with_borrow_mut(|turns| {
            match std::mem::replace(&mut turns.usher, Usher::Called) {
                Usher::Missing => drop(actix_web::rt::spawn(usher())),
                Usher::Asleep(waker) => waker.wake(),
                Usher::Called => {}
            }
            if turns.given < GROUP && turns.waiting.is_empty() {
                turns.given += 1;
                return Poll::Ready(());
            }
            turns.waiting.push_back(context.waker().clone());
            self.waits = true;
            Poll::Pending
        })
    }
}

/// Lets group after group in, as long as the thread lives.
async fn usher() {
    poll_fn(|context| {
        TURNS.with_borrow_mut(|turns| {
            turns.given = turns.waiting.len().min(GROUP);
            if turns.given == 0 {
                // A burst's room is not kept.
                turns.waiting.shrink_to(GROUP);
                turns.usher = Usher::Asleep(context.waker().clone());
            } else {
                turns.waiting.drain(..turns.given).for_each(Waker::wake);
                context.waker().wake_by_ref();
            }
        });
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    async fn turn() {
        let mut turn = Turn::default();
        poll_fn(|context| turn.poll(context)).await;
    }

    #[actix_web::test]
    async fn whoever_comes_last_waits_for_one_group_only() {
        let done = Rc::new(RefCell::new(Vec::new()));
        let sockets: Vec<_> = (0..3 * GROUP)
            .map(|_| {
                let done = Rc::clone(&done);
                actix_web::rt::spawn(async move {
                    turn().await;
                    done.borrow_mut().push("socket");
                })
            })
            .collect();
        let noted = Rc::clone(&done);
        actix_web::rt::spawn(async move { noted.borrow_mut().push("request") }).await.unwrap();
        assert_eq!(done.borrow().iter().position(|who| *who == "request"), Some(GROUP));
        for socket in sockets {
            socket.await.unwrap();
        }
        assert_eq!(done.borrow().len(), 3 * GROUP + 1, "every socket has its turn");
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
