//! Taking over the conversations of another system.
//!
//! [`run`] copies them from a yudao database ([`yudao::sql`] reads it, [`yudao`] says what a row becomes) into kefu's own, in
//! groups, beside a running service. The order of all is (time, id), so that a run that ends half way has copied
//! everything up to some time.
//!
//! It can be repeated: an imported message carries its id there as `clientMessageId` ([`crate::message::imported`]), an admin as
//! the row's creator, and members keep their ids. So a run compares everything and copies what is not here. It does not go
//! on from a mark: a message there may be committed after one with a higher id.

mod yudao;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use chrono_tz::Tz;

use crate::account::imported::{ImportedUser, ensure_imported_admin, insert_missing_members};
use crate::backoff::Backoff;
use crate::clock::{Clock, Millis};
use crate::db::kept::KeptConnection;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId, UserType};
use crate::message::NewMessage;
use crate::message::imported::{ImportedMessage, append};
use crate::writer::{BATCH_BYTES, Ids};
use yudao::sql::Source;
use yudao::{Conversations, Entry};

/// How long a database that is busy is asked again.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Why a message is left out that was changed there after it was copied.
const CHANGED: &str = "messages already there with another content";
/// The pauses between two attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(800));

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Conversations that were made.
    pub created: usize,
    /// Members whose conversations were here already.
    pub known_conversations: usize,
    /// Conversations of members who have more than one there.
    pub merged: usize,
    /// Messages that were copied.
    pub copied: usize,
    /// Messages that were here already.
    pub known: usize,
    /// Those of them that have been read there since they were copied.
    pub read: usize,
    /// Members who were made.
    pub members: usize,
    /// Admins who were made, without a password and disabled.
    pub admins: usize,
    /// What was left out: how many of what, and why.
    pub skipped: BTreeMap<Cow<'static, str>, usize>,
}

impl Report {
    fn skip(&mut self, why: impl Into<Cow<'static, str>>) {
        *self.skipped.entry(why.into()).or_default() += 1;
    }
}

/// One number a line.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, count) in [
            ("conversations created", self.created),
            ("conversations already there", self.known_conversations),
            ("duplicate conversations merged", self.merged),
            ("messages copied", self.copied),
            ("messages already there", self.known),
            ("messages read since", self.read),
            ("members added", self.members),
            ("admins added", self.admins),
        ] {
            writeln!(f, "{what}: {count}")?;
        }
        self.skipped.iter().try_for_each(|(why, count)| writeln!(f, "skipped, {why}: {count}"))
    }
}

/// Where to copy from, and how.
#[derive(Clone)]
pub(crate) struct Options {
    /// `mysql://user:password@host:port/database`
    pub from: String,
    /// The zone of the times there, which carry none.
    pub time_zone: Tz,
    /// Messages in one transaction.
    pub batch: usize,
}

/// Copies from a yudao database into `db`. `progress` hears after each group how many messages of how many are done.
///
/// # Errors
/// One line for the operator. What was copied until then stays, and another run goes on from there.
pub(crate) fn run(
    db: &Db,
    clock: &Clock,
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> Result<Report, String> {
    let mut source = Source::open(&options.from)?;
    let mut report = Report::default();
    // Messages first: the conversation of each that is seen is then seen too.
    let mut entries = yudao::entries(&mut source, options.time_zone, &mut report)?;
    let conversations = yudao::conversations(&mut source, &mut report)?;
    entries.retain(|entry| conversations.take(entry, &mut report));
    entries.sort_unstable_by_key(|entry| (entry.time, entry.id));

    let held = KeptConnection::new(db).map_err(|error| error.to_string())?;
    let mut run = Run {
        target: Target { held, ids: Ids::default(), now: clock.now() },
        source,
        conversations,
        report,
        admins: HashMap::new(),
        members: HashSet::new(),
    };
    let mut done = 0;
    for group in entries.chunks(options.batch.max(1)) {
        run.target.now = clock.now();
        run.copy(group)?;
        done += group.len();
        progress(done, entries.len());
    }
    let Run { mut report, members, conversations, .. } = run;
    report.known_conversations = members.len().saturating_sub(report.created);
    let empty = conversations.members().saturating_sub(members.len());
    if empty > 0 {
        report.skipped.insert("conversations without a message".into(), empty);
    }
    Ok(report)
}

struct Run {
    target: Target,
    source: Source,
    conversations: Conversations,
    report: Report,
    /// Admins there whose id here is known.
    admins: HashMap<(TenantId, i64), UserId>,
    /// Members who are here.
    members: HashSet<(TenantId, UserId)>,
}

impl Run {
    /// Copies a group: two reads there (three while new members appear), and two transactions here.
    fn copy(&mut self, group: &[Entry]) -> Result<(), String> {
        let mut rows = self.source.messages(group.iter().map(|entry| entry.id))?;
        let mut imported = Vec::with_capacity(group.len());
        for entry in group {
            let row = rows.remove(&entry.id).ok_or(yudao::DELETED.into());
            match row.and_then(|row| self.conversations.message(entry, row, self.target.now)) {
                Ok(mut message) => {
                    self.name_admin(&mut message)?;
                    imported.push(message);
                }
                Err(why) => self.report.skip(why),
            }
        }
        self.add_members(&imported)?;
        let mut rest = imported.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(within(rest, BATCH_BYTES));
            let appended = self.target.write(|connection, ids, time| append(connection, ids, now, time))?;
            self.report.created += appended.created;
            self.report.copied += appended.stored;
            self.report.known += appended.known;
            self.report.read += appended.read;
            if appended.changed > 0 {
                *self.report.skipped.entry(CHANGED.into()).or_default() += appended.changed;
            }
            rest = later;
        }
        Ok(())
    }

    /// Puts the admin here in the place of the one there.
    fn name_admin(&mut self, imported: &mut ImportedMessage) -> Result<(), String> {
        let NewMessage { tenant, sender, .. } = &mut imported.message;
        if sender.user_type != UserType::Admin {
            return Ok(());
        }
        let (tenant, id) = (*tenant, sender.id.get());
        sender.id = match self.admins.get(&(tenant, id)) {
            Some(known) => *known,
            None => {
                let known = self.source.admins(&[id])?.remove(&id).unwrap_or_default();
                let (admin, made) = self.target.write(|connection, _, now| {
                    ensure_imported_admin(connection, tenant, (yudao::ORIGIN, id), &known, now)
                })?;
                self.report.admins += usize::from(made);
                self.admins.insert((tenant, id), admin);
                admin
            }
        };
        Ok(())
    }

    fn add_members(&mut self, imported: &[ImportedMessage]) -> Result<(), String> {
        let owners = imported.iter().map(|one| (one.message.tenant, one.member));
        let new: HashSet<(TenantId, UserId)> = owners.filter(|owner| !self.members.contains(owner)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = new.iter().map(|(_, member)| member.get()).collect();
        let known = self.source.members(&ids)?;
        let profile = |member: UserId| known.get(&member.get()).cloned().unwrap_or_default();
        let members: HashMap<(TenantId, UserId), ImportedUser> =
            new.iter().map(|owner| (*owner, profile(owner.1))).collect();
        self.report.members +=
            self.target.write(|connection, _, now| insert_missing_members(connection, &members, now))?;
        self.members.extend(new);
        Ok(())
    }
}

/// How many of the messages, at least one, have at most so many bytes of content together.
fn within(imported: &[ImportedMessage], bytes: usize) -> usize {
    let mut sum = 0;
    let fits = imported.iter().take_while(|one| {
        sum += one.message.content.text().len();
        sum <= bytes
    });
    fits.count().max(1)
}

/// kefu's own database.
struct Target {
    held: KeptConnection,
    ids: Ids,
    now: Millis,
}

impl Target {
    /// Runs `work` as one write transaction, again while the database is busy: what it does may be repeated.
    fn write<T>(
        &mut self,
        mut work: impl FnMut(&mut AnyConnection, &mut Ids, Millis) -> Result<T>,
    ) -> Result<T, String> {
        let (begun, mut backoff) = (Instant::now(), BACKOFF);
        loop {
            let now = self.now;
            match self.ids.transaction(&mut self.held, |connection, ids| work(connection, ids, now)) {
                Ok(done) => return Ok(done),
                Err(Error::Busy) if begun.elapsed() <= TIMEOUT => {}
                Err(error) => return Err(format!("cannot write to kefu's database: {error}")),
            }
            std::thread::sleep(backoff.pause());
        }
    }
}
