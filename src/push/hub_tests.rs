//! Who is reached, through the bodies that actix would send.

use std::future::poll_fn;
use std::pin::Pin;

use actix_web::body::{BoxBody, MessageBody};
use bytes::Bytes;
use futures_util::FutureExt;

use super::*;
use crate::id::LoginId;
use crate::push::OutboxBody;

const TENANT: TenantId = TenantId::new(1);

struct Socket {
    connection: Arc<Connection>,
    body: OutboxBody,
}

impl Socket {
    fn open(hub: &Hub, admin: i64, watches_all: bool) -> Self {
        let key = UserKey { tenant: TENANT, user_type: UserType::Admin, user: UserId::new(admin) };
        let credential = Credential::Login(LoginId::new(admin));
        let connection = hub.connect(Ticket { key, watches_all, credential, expires_at: Millis::MAX }, false);
        let body = OutboxBody::new(Arc::clone(connection.outbox()), BoxBody::new(()));
        Self { connection, body }
    }

    /// What waits for the socket now: `None` when nothing does.
    fn received(&mut self) -> Option<Bytes> {
        let mut poll = || poll_fn(|context| Pin::new(&mut self.body).poll_next(context)).now_or_never().flatten();
        // A body that has not waited for a frame yet only gets in line by the first poll.
        poll().or_else(poll).map(|chunk| chunk.unwrap())
    }
}

fn hub(sessions_per_user: usize) -> Hub {
    let settings = settings::Push { sessions_per_user, ..settings::Push::default() };
    Hub::new(&settings, Clock::manual(0), Metrics::new())
}

fn tell_admins(hub: &Hub) -> Bytes {
    let frame = frame::text("news");
    hub.publish(&[Event { tenant: TENANT, member: None, admins: true, frame: frame.clone(), position: None }]);
    frame
}

#[actix_web::test]
async fn only_those_who_watch_all_get_what_goes_to_all_admins() {
    let hub = hub(10);
    let (mut watching, mut other) = (Socket::open(&hub, 1, true), Socket::open(&hub, 2, false));
    let frame = tell_admins(&hub);
    assert_eq!((watching.received(), other.received()), (Some(frame), None));
}

#[actix_web::test]
async fn whoever_leaves_takes_no_other_along() {
    for leaving in [[0, 1], [0, 2], [1, 3], [3, 0], [2, 1]] {
        let hub = hub(10);
        let mut sockets: Vec<_> = (1..=4).map(|admin| Socket::open(&hub, admin, true)).collect();
        for index in leaving {
            hub.disconnect(&sockets[index].connection);
            // Once more, as a socket that was replaced does: nobody else's place is taken.
            hub.disconnect(&sockets[index].connection);
        }
        let frame = tell_admins(&hub);
        for (index, socket) in sockets.iter_mut().enumerate() {
            let expected = (!leaving.contains(&index)).then(|| frame.clone());
            assert_eq!(socket.received(), expected, "{index} of {leaving:?}");
            hub.disconnect(&socket.connection);
        }
        assert!(hub.is_empty());
    }
}

#[actix_web::test]
async fn one_socket_too_many_closes_the_users_oldest() {
    let hub = hub(2);
    let mut other = Socket::open(&hub, 2, true);
    let mut sockets: Vec<_> = (0..3).map(|_| Socket::open(&hub, 1, true)).collect();
    let frame = tell_admins(&hub);
    let reason = CloseReason::TooMany;
    assert_eq!(sockets[0].received(), Some(frame::close(reason.code(), reason.text())));
    assert_eq!(sockets[0].received(), None);
    for socket in sockets.iter_mut().skip(1).chain([&mut other]) {
        assert_eq!(socket.received(), Some(frame.clone()));
    }
    assert_eq!(hub.len(), 3);
}
