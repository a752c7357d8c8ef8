//! Commands of one batch that meet in one conversation.

use diesel::prelude::*;

use super::*;
use crate::access::Visibility;
use crate::agent::duty::DutyRules;
use crate::clock::{Clock, Millis};
use crate::db::schema::{kefu_message, kefu_task};
use crate::id::ConversationId;
use crate::message::{between, insert_toasts, newest_time};
use crate::push::Hub;
use crate::settings;
use crate::task::{Acceptance, Times};
use crate::telemetry::metrics::Metrics;
use crate::test_db::temporary;
use crate::writer::testing::Commands;
use crate::writer::{Ids, Stream};

const NOW: Millis = 1_795_000_000_000;
const TENANT: TenantId = TenantId::new(1);
const MEMBER: UserId = UserId::new(1001);
const ANN: By = By { admin: UserId::new(11), overload: false, any: false };
const BEN: By = By { admin: UserId::new(12), overload: false, any: false };
const ROUTING: Routing = Routing {
    acceptance: Acceptance::Automatic,
    capacity: 5,
    times: Times { max_wait: 0, missed_ttl: 0, offer_timeout: 0 },
    duty: DutyRules { auto: true, grace: 60_000 },
    toasts: true,
    visibility: Visibility::All,
};

/// Something that is done to the member's round.
fn done(act: Act) -> Serve {
    let conversation = match act {
        Act::Open(_) | Act::Leave => Target::OfMember(MEMBER),
        _ => Target::Id(ConversationId::new(1)),
    };
    Serve { tenant: TENANT, conversation, task: None, version: None, routing: ROUTING, act }
}

const fn asked() -> Act {
    Act::Open(Wish { channel: None, agent: None, group: None })
}

/// The state, the first and the last `seq` of each round, and the toasts, after these batches.
async fn after(batches: Vec<Vec<Act>>) -> (Vec<(i32, i64, Option<i64>)>, Vec<String>) {
    let (_folder, db) = temporary();
    let mut connection = db.connect().unwrap();
    let mut ids = Ids::default();
    let hub = Hub::new(&settings::Push::default(), Clock::manual(NOW), Metrics::new());
    let stream = Stream { newest_time, between, insert_toasts };
    db.transaction(&mut connection, |connection| {
        for acts in &batches {
            let commands = acts.iter().fold(Commands::default(), |batch, act| batch.with(done(act.clone())));
            commands.run(connection, &mut ids, NOW, &hub, &stream);
        }
        let rounds = kefu_task::table.order(kefu_task::id);
        let rounds = rounds.select((kefu_task::state, kefu_task::first_seq, kefu_task::last_seq)).load(connection)?;
        let toasts = kefu_message::table.order(kefu_message::seq).select(kefu_message::content).load(connection)?;
        Ok((rounds, toasts))
    })
    .unwrap()
}

#[tokio::test]
async fn a_round_that_is_closed_by_one_command_of_a_batch_is_followed_by_that_of_the_next() {
    let nobody = "当前没有客服当值";
    let (rounds, toasts) = after(vec![vec![asked()], vec![Act::Leave, asked()]]).await;
    assert_eq!(rounds, [(-1, 1, Some(2)), (4, 3, None)]);
    assert_eq!(toasts, [nobody, "本次服务已结束", nobody]);

    let close = Act::Close(ANN, None);
    let (rounds, toasts) = after(vec![vec![asked()], vec![Act::Take(ANN)], vec![close, Act::Take(BEN)]]).await;
    assert_eq!(rounds, [(-1, 1, Some(3)), (1, 4, None)]);
    assert_eq!(toasts, [nobody, "客服为您服务", "本次服务已结束", "客服为您服务"]);
}

#[tokio::test]
async fn of_two_commands_of_a_batch_the_second_finds_what_the_first_has_done() {
    let (rounds, toasts) = after(vec![vec![asked(), asked(), Act::Take(ANN), Act::Take(BEN), Act::Leave]]).await;
    assert_eq!(rounds, [(-1, 1, Some(3))]);
    assert_eq!(toasts, ["当前没有客服当值", "客服为您服务", "本次服务已结束"]);
}
