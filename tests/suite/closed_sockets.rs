//! Sockets that the service closes while their clients neither read nor close: by the thousand, and nothing of them stays. In a
//! process of its own, whose open files and memory are its own, too.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::path;
use crate::support::process::{Serve, command, done};
use crate::support::{Socket, User, eventually, http_client};

const MEMBERS: usize = 5;
/// Sockets that a member may have.
const EACH: usize = 50;
/// Times that all sockets are replaced.
const WAVES: usize = 9;
/// Waves after which the process has all that it keeps for this many sockets.
const WARM: usize = 2;
/// What the process may have grown by since then: less than five KiB for each socket that was closed.
const GROWTH: usize = 8 * 1024 * 1024;

/// Sockets of all members, each with a message that waits at its client.
async fn open(members: &[User]) -> Vec<Socket> {
    let open = members.iter().map(|member| async {
        let sockets = join_all((0..EACH).map(|_| member.socket(""))).await;
        member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "x".repeat(2000)})).await.ok();
        sockets
    });
    join_all(open).await.into_iter().flatten().collect()
}

/// Open sockets, as the service counts them.
async fn counted(serve: &Serve) -> usize {
    let metrics = http_client().build().unwrap().get(format!("http://{}/metrics", serve.address));
    let text = metrics.send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("kefu_sockets{user_type=\"member\"} "));
    line.unwrap().parse().unwrap()
}

/// Files and connections that the process has open.
fn files(serve: &Serve) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", serve.process())).unwrap().count()
}

/// What the process has of the machine's memory, in bytes.
fn memory(serve: &Serve) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.process())).unwrap();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    kibibytes.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn thousands_of_closed_sockets_whose_clients_never_read_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = command(folder.path(), &["--listen", "127.0.0.1:0"]);
    serve
        .env("KEFU_PUSH__SESSIONS_PER_USER", EACH.to_string())
        .env("KEFU_LIMITS__HANDSHAKES_PER_MINUTE", "0")
        .env("KEFU_LIMITS__HANDSHAKES_PER_MINUTE_AND_ADDRESS", "0");
    let serve = Serve::run(serve).await;
    let mut members = Vec::new();
    for id in 1..=MEMBERS {
        let tokens = ["token", "member", "--user-id", &id.to_string(), "--nickname", "会员"];
        let tokens = done(folder.path(), &tokens, "").await;
        members.push(serve.user(&tokens));
    }

    let mut deaf = open(&members).await;
    let (mut warm_files, mut warm_memory) = (0, 0);
    for wave in 1..=WAVES {
        // Each is one too many and closes the oldest, which are those of the wave before.
        let next = open(&members).await;
        eventually("the closed sockets' connections have ended", async || {
            counted(&serve).await == MEMBERS * EACH && (wave <= WARM || files(&serve) <= warm_files)
        })
        .await;
        if wave <= WARM {
            (warm_files, warm_memory) = (files(&serve) + MEMBERS, memory(&serve));
        }
        drop(std::mem::replace(&mut deaf, next));
    }
    let growth = memory(&serve).saturating_sub(warm_memory);
    let closed = (WAVES - WARM) * MEMBERS * EACH;
    assert!(growth < GROWTH, "{growth} bytes more after {closed} sockets were closed");
    drop(deaf);
    serve.kill().await;
}
