//! Correctness in seconds, for the tests: every sent message arrives once at every recipient. Measures nothing.

use std::path::Path;
use std::time::Duration;

use crate::load::http::{self, Pace, Plan, Until};
use crate::load::socket::Listeners;
use crate::peer::kefu::Kefu;
use crate::{Result, check, token};

const MEMBERS: u64 = 40;
const ADMINS: usize = 3;
const SENDERS: usize = 8;
const VISITORS: usize = 50;

/// Runs it with this program of the service.
pub(crate) async fn run(program: &Path) -> Result {
    let members = token::members(MEMBERS)?;
    let kefu = Kefu::start(program, &[])?;
    let requests = Kefu::sends(&members);
    kefu.warm_up(&requests).await?;
    let listeners = Listeners::open(kefu.listeners(ADMINS, &members)).await?;
    let until = Until::Elapsed(Duration::from_secs(1));
    let sent =
        http::send(Plan { address: kefu.address, connections: SENDERS, requests, until, pace: Pace::Answers }).await?;
    let ids = sent.all_accepted()?.ids();
    if ids.is_empty() {
        return Err("nothing was sent".into());
    }
    listeners.wait_for(u64::try_from(ids.len() * (ADMINS + 1))?).await?;
    check::admins_and_members(&listeners.close().await?, ADMINS, &ids)?;
    super::visitors::measure(program, VISITORS).await?;
    // The competitors' endpoint is part of what the tests keep alive.
    super::send::endpoint(&["bare"], &members, Duration::from_millis(200)).await?;
    super::send::endpoint(&["naive", "naive.db"], &members, Duration::from_millis(200)).await?;
    crate::report::print(&format!(
        "smoke: {} messages, each arrived once at {ADMINS} admins and its member; {VISITORS} visitors wrote and were answered\n",
        ids.len()
    ))
}
