//! Measures kefu against the machine's limits and against what a user would pick instead (docs/benchmarks.md).

mod case;
mod check;
mod load;
mod peer;
mod process;
mod report;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use case::{Case, Context};
use clap::{Parser, Subcommand, ValueEnum};
use report::{Report, print, progress};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong, as one line for the one who runs the bench.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// The result of everything in the bench.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// Measures kefu; see docs/benchmarks.md
#[derive(Parser)]
struct Cli {
    /// `all`, cases by name, `list` for the names, `smoke` for a quick check without measuring
    #[arg(required = true)]
    what: Vec<String>,
    /// The service's program [default: the profile `dist` with the features mysql and postgres, brought up to date]
    #[arg(long)]
    kefu: Option<PathBuf>,
    /// How often each competitor runs
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load in one run
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// The share of the growth case's rows to prepare, for a trial
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Leave the competitors of `send`, `servers` and `fanout` out, to see what a change does to kefu alone
    #[arg(long)]
    alone: bool,
}

/// One of the competitors that are this program
#[derive(Parser)]
#[command(name = "bench peer")]
struct PeerCli {
    #[command(subcommand)]
    peer: Peer,
}

#[derive(Subcommand)]
enum Peer {
    Bare,
    Naive { database: String },
}

fn main() -> ExitCode {
    let outcome = if std::env::args().nth(1).is_some_and(|argument| argument == "peer") {
        match PeerCli::parse_from(std::env::args().skip(1)).peer {
            Peer::Bare => peer::bare::serve(),
            Peer::Naive { database } => peer::naive::serve(&database),
        }
    } else {
        bench(Cli::parse())
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn bench(cli: Cli) -> Result {
    if cli.what == ["list"] {
        let lines = Case::value_variants().iter().map(|case| format!("{:10} {}\n", name(*case), case.about()));
        return print(&lines.collect::<String>());
    }
    let smoke = cli.what == ["smoke"];
    let cases = if smoke { Vec::new() } else { cases(&cli.what)? };
    // Every socket takes a file descriptor.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let context = Context {
        kefu: peer::kefu::program(cli.kefu)?,
        rounds: cli.rounds,
        duration: Duration::try_from_secs_f64(cli.seconds)?,
        scale: cli.scale,
        alone: cli.alone,
    };
    // The load has threads of its own; this one only waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            done = case::smoke::run(&context.kefu), if smoke => done,
            done = run(&cases, &context), if !smoke => done,
            _ = interrupt.recv() => Err("interrupted".into()),
            _ = terminate.recv() => Err("terminated".into()),
        }
    });
    // Whatever is still loading ends with the program; what it loaded has ended already.
    runtime.shutdown_background();
    outcome
}

async fn run(cases: &[Case], context: &Context) -> Result {
    let mut report = Report::default();
    let mut failed = Vec::new();
    for case in cases {
        // One that fails leaves the others their results.
        if let Err(error) = case::run(*case, context, &mut report).await {
            progress(&format!("{} has failed: {error}", name(*case)));
            failed.push(name(*case));
        }
    }
    print(&report.table())?;
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

fn name(case: Case) -> String {
    case.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn cases(what: &[String]) -> Result<Vec<Case>> {
    if what == ["all"] {
        return Ok(Case::value_variants().to_vec());
    }
    what.iter()
        .map(|name| {
            Case::from_str(name, false).map_err(|_| format!("there is no case {name}; see `bench list`").into())
        })
        .collect()
}
