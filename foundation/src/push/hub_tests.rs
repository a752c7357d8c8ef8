//! Who is reached, through the bodies that actix would send.

use std::future::poll_fn;
use std::pin::Pin;

use actix_web::body::MessageBody;
use bytes::Bytes;
use futures_util::FutureExt;

use super::*;
use crate::access::{Permission, Role, Sight};
use crate::credential::Credential;
use crate::id::LoginId;
use crate::push::{OutboxBody, Ticket};

const TENANT: TenantId = TenantId::new(1);

struct Socket {
    body: OutboxBody,
}

fn key(admin: i64) -> UserKey {
    UserKey { tenant: TENANT, user_type: UserType::Admin, user: UserId::new(admin) }
}

fn connect(hub: &Hub, admin: i64, role: Option<Role>) -> Result<Registration> {
    let credential = Credential::Login(LoginId::new(admin));
    let ticket = Ticket {
        key: key(admin),
        permissions: role.map(Permissions::of).unwrap_or_default(),
        sight: Sight::default(),
        credential,
        channel: None,
        expires_at: Millis::MAX,
    };
    hub.connect(Opening { ticket, network: [127, 0, 0, 1].into(), replaying: false, closing: Arc::default() })
}

impl Socket {
    fn open(hub: &Hub, admin: i64, role: Option<Role>) -> Self {
        Self { body: OutboxBody::new(connect(hub, admin, role).map_err(|error| error.to_string()).unwrap()) }
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

fn publish(hub: &Hub, audience: Audience, frame: &Bytes) {
    hub.publish(&[Event { tenant: TENANT, audience, frame: frame.clone(), position: None }]);
}

fn tell_admins(hub: &Hub) -> Bytes {
    let frame = frame::text("news");
    publish(hub, Audience::admins(Permission::QueryMessages), &frame);
    frame
}

#[actix_web::test]
async fn only_admins_who_hold_the_permission_get_what_goes_to_them_as_long_as_they_hold_it() {
    let hub = hub(10);
    let (mut agent, mut other) = (Socket::open(&hub, 1, Some(Role::Agent)), Socket::open(&hub, 2, None));
    let frame = tell_admins(&hub);
    assert_eq!((agent.received(), other.received()), (Some(frame), None));

    hub.set_permissions(key(2), Permissions::of(Role::Viewer));
    hub.set_permissions(key(1), Permissions::default());
    let frame = tell_admins(&hub);
    assert_eq!((agent.received(), other.received()), (None, Some(frame.clone())));
    publish(&hub, Audience::admins(Permission::SendMessages), &frame);
    assert_eq!((agent.received(), other.received()), (None, None), "a viewer may not send");
}

#[actix_web::test]
async fn a_role_that_changes_while_a_socket_opens_is_not_undone_by_what_was_read_before() {
    let hub = hub(10);
    let [viewer, agent] = [Role::Viewer, Role::Agent].map(Permissions::of);
    let connect = || connect(&hub, 1, Some(Role::Agent)).map_err(|error| error.to_string()).unwrap();
    let may_send = |registration: &Registration| registration.connection().may(Permission::SendMessages);

    let told = connect();
    hub.set_permissions(key(1), viewer);
    told.connection().settle_permissions(agent);
    assert!(!may_send(&told), "the second look at the token has found the role from before");

    // The change came before the registration.
    let untold = connect();
    untold.connection().settle_permissions(viewer);
    assert!(!may_send(&untold));
}

#[actix_web::test]
async fn whoever_is_named_twice_receives_once_and_who_is_excepted_never() {
    let hub = hub(10);
    let mut sockets: Vec<_> =
        (1..=4).map(|admin| Socket::open(&hub, admin, (admin < 3).then_some(Role::Agent))).collect();
    let user = |admin| (UserType::Admin, UserId::new(admin));
    let frame = frame::text("news");
    let audience = Audience::admins(Permission::QueryMessages).and_users([user(3), user(1), user(3)]);
    publish(&hub, audience.clone(), &frame);
    publish(&hub, audience.except(user(1)), &frame);
    for (socket, expected) in sockets.iter_mut().zip([1, 2, 2, 0]) {
        let received = std::iter::from_fn(|| socket.received()).flat_map(|bytes| bytes.to_vec());
        assert_eq!(received.collect::<Vec<_>>(), frame.repeat(expected), "{expected}");
    }
}

#[actix_web::test]
async fn whoever_leaves_takes_no_other_along() {
    for leaving in [[0, 1], [0, 2], [1, 3], [3, 0], [2, 1]] {
        let hub = hub(10);
        let mut sockets: Vec<_> = (1..=4).map(|admin| Some(Socket::open(&hub, admin, Some(Role::Agent)))).collect();
        for index in leaving {
            sockets[index] = None;
        }
        let frame = tell_admins(&hub);
        for (index, socket) in sockets.iter_mut().enumerate() {
            let expected = (!leaving.contains(&index)).then(|| frame.clone());
            assert_eq!(socket.as_mut().and_then(Socket::received), expected, "{index} of {leaving:?}");
        }
        drop(sockets);
        assert!(hub.is_empty());
    }
}

#[actix_web::test]
async fn one_socket_too_many_closes_the_users_oldest() {
    let hub = hub(2);
    let mut other = Socket::open(&hub, 2, Some(Role::Agent));
    let mut sockets: Vec<_> = (0..3).map(|_| Socket::open(&hub, 1, Some(Role::Agent))).collect();
    let frame = tell_admins(&hub);
    let reason = CloseReason::TooMany;
    assert_eq!(sockets[0].received(), Some(frame::close(reason.code(), reason.text())));
    assert_eq!(sockets[0].received(), None);
    for socket in sockets.iter_mut().skip(1).chain([&mut other]) {
        assert_eq!(socket.received(), Some(frame.clone()));
    }
    assert_eq!(hub.len(), 4, "a closing socket counts until its connection has ended");
    sockets.remove(0);
    assert_eq!(hub.len(), 3);
}

#[actix_web::test]
async fn sockets_that_do_not_end_keep_their_user_from_opening_more() {
    let hub = hub(2);
    let mut sockets: Vec<_> = (0..4).map(|_| Socket::open(&hub, 1, Some(Role::Agent))).collect();
    assert!(matches!(connect(&hub, 1, Some(Role::Agent)), Err(Error::TooManyRequests { .. })));
    drop(Socket::open(&hub, 2, Some(Role::Agent)));
    // One has ended.
    sockets.remove(0);
    sockets.push(Socket::open(&hub, 1, Some(Role::Agent)));
    assert!(matches!(connect(&hub, 1, Some(Role::Agent)), Err(Error::TooManyRequests { .. })));
    drop(sockets);
    assert!(hub.is_empty());
}
