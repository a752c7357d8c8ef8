//! What the bench starts: child processes that end with their value, by their id, and the folder that they work in.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Result;

/// How long a child may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program; dropping it ends it and waits for its end.
pub(crate) struct Child {
    child: std::process::Child,
    /// Kept open, as a program that prints into a closed pipe may fail.
    output: BufReader<ChildStdout>,
    /// Closing it ends a program that was started by [`Child::spawn_held`].
    input: Option<ChildStdin>,
}

impl Child {
    /// Starts a program, its standard output piped.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        Self::start(command.stdin(Stdio::null()))
    }

    /// Starts a program that ends with its standard input, even when the bench is killed. Ctrl-C in a terminal does not
    /// reach it, so that it ends after the programs that use it.
    pub(crate) fn spawn_held(command: &mut Command) -> Result<Self> {
        Self::start(command.stdin(Stdio::piped()).process_group(0))
    }

    fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| format!("cannot start {name}: {error}"))?;
        let output = child.stdout.take().map(BufReader::new).ok_or("no standard output")?;
        let input = child.stdin.take();
        Ok(Self { child, output, input })
    }

    /// The rest of the first line of its output that contains `mark`, from there on.
    ///
    /// # Errors
    /// When the program ends before.
    pub(crate) fn line_after(&mut self, mark: &str) -> Result<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            if let Some((_, rest)) = line.split_once(mark) {
                return Ok(rest.trim().to_owned());
            }
            line.clear();
        }
        Err(format!("a server has ended before it said {mark:?}").into())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that all its threads have taken so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        processor_time(self.id(), 2)
    }

    /// The memory that it and its own children have in RAM now, in KiB; what processes share counts once.
    pub(crate) fn memory(&self) -> Result<f64> {
        let id = self.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let mut total = share_of(&id.to_string())?;
        for child in children.split_whitespace() {
            total += share_of(child)?;
        }
        Ok(total)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(input) = self.input.take() {
            drop(input);
        } else if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processor time of a process, of its children that have ended, and of those that run: a server that has a process
/// for each connection.
pub(crate) fn processor_time_with_children(id: u32) -> Result<Duration> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    // A child that has ended meanwhile is in its parent's count of the next time.
    let running = children.split_whitespace().filter_map(|child| processor_time(child.parse().ok()?, 2).ok());
    Ok(running.sum::<Duration>() + processor_time(id, 4)?)
}

/// User and system time of a process; with four fields, those of its ended children, too.
fn processor_time(id: u32, fields: usize) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name, which may hold spaces, ends with the last parenthesis; the times are fields 14 to 17.
    let all = stat.rsplit_once(')').ok_or("no name in /proc")?.1.split_whitespace();
    let ticks = all.skip(11).take(fields).map(str::parse::<u64>).sum::<std::result::Result<u64, _>>()?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// The proportional set size of a process in KiB.
fn share_of(id: &str) -> Result<f64> {
    let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss in /proc")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// A folder on the disk that the project lies on, as /tmp may be in memory and would make every commit free.
pub(crate) fn folder() -> Result<TempDir> {
    let parent = target_folder();
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?)
}

/// An address of this machine whose port was free just now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// `target/`, where cargo has put this very program.
pub(crate) fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.parent().and_then(Path::parent).unwrap_or(Path::new("target")).to_path_buf()
}
