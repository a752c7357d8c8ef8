//! The table of results.

use std::io::{self, Write};
use std::time::Duration;

use crate::Result;

/// What repeated runs of one figure gave.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The middle one, or the mean of the two in the middle; 0 without any.
    pub(crate) fn median(&self) -> f64 {
        let upper = self.0.get(self.0.len() / 2).copied().unwrap_or_default();
        let lower = self.0.get(self.0.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        f64::midpoint(lower, upper)
    }

    fn spread(&self) -> Option<(f64, f64)> {
        (self.0.len() > 1).then_some(())?;
        Some((*self.0.first()?, *self.0.last()?))
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut samples = Self::default();
        values.into_iter().for_each(|value| samples.push(value));
        samples
    }
}

/// What a figure is counted in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Milliseconds,
    Microseconds,
    KiB,
    MiB,
    /// A share or a multiple.
    Ratio,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", thousands(value)),
            Self::Milliseconds if value < 10.0 => format!("{value:.2} ms"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::KiB => format!("{value:.1} KiB"),
            Self::MiB => format!("{value:.1} MiB"),
            Self::Ratio => format!("{value:.2}"),
        }
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// What the issue asks of a figure or a ratio.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    const fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// The results of all cases.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<[String; 6]>,
}

impl Report {
    /// A figure without a target.
    pub(crate) fn figure(&mut self, case: &str, name: &str, unit: Unit, samples: &Samples) {
        self.row(case, name, unit, samples, None, None);
    }

    /// A figure that has to keep a bound.
    pub(crate) fn bounded(&mut self, case: &str, name: &str, unit: Unit, samples: &Samples, target: Target) {
        self.row(case, name, unit, samples, None, Some(target));
    }

    /// A figure of the product as a multiple of another one.
    pub(crate) fn multiple(
        &mut self,
        case: &str,
        name: &str,
        unit: Unit,
        samples: &Samples,
        of: &Samples,
        target: Option<Target>,
    ) {
        let ratio = samples.median() / of.median();
        self.row(case, name, unit, samples, Some(ratio), target);
    }

    /// A figure of a competitor and how the product compares to it: the ratio of the medians, product / competitor.
    pub(crate) fn against(
        &mut self,
        case: &str,
        name: &str,
        unit: Unit,
        samples: &Samples,
        ours: &Samples,
        target: Option<Target>,
    ) {
        let ratio = ours.median() / samples.median();
        self.row(case, name, unit, samples, Some(ratio), target);
    }

    fn row(
        &mut self,
        case: &str,
        name: &str,
        unit: Unit,
        samples: &Samples,
        ratio: Option<f64>,
        target: Option<Target>,
    ) {
        let shown = |value| unit.show(value);
        let spread = samples.spread().map(|(low, high)| format!("{} – {}", shown(low), shown(high)));
        let bound = |bound| if ratio.is_some() { Unit::Ratio.show(bound) } else { shown(bound) };
        let target = target.map(|target| {
            let text = match target {
                Target::AtLeast(value) => format!("≥ {}", bound(value)),
                Target::AtMost(value) => format!("≤ {}", bound(value)),
            };
            let met = target.is_met(ratio.unwrap_or(samples.median()));
            format!("{text}: {}", if met { "pass" } else { "**miss**" })
        });
        self.rows.push([
            case.to_owned(),
            name.to_owned(),
            shown(samples.median()),
            spread.unwrap_or_default(),
            ratio.map(|ratio| Unit::Ratio.show(ratio)).unwrap_or_default(),
            target.unwrap_or_default(),
        ]);
    }

    /// The Markdown table.
    pub(crate) fn table(&self) -> String {
        let mut table =
            String::from("| case | figure | median | min – max | ratio | target |\n|---|---|---|---|---|---|\n");
        for row in &self.rows {
            table.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        table
    }
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}

/// Tells on standard error how far the bench is.
pub(crate) fn progress(text: &str) {
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The value below which `share` of the values lie; the values need no order.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = (float(last) * share).round() as usize;
    values.get(index).copied().unwrap_or_default()
}

/// A count as a float; counts here are far below 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "there is no lossless conversion")]
pub(crate) const fn float(count: usize) -> f64 {
    count as f64
}

/// [`float`] of a 64-bit count.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "there is no lossless conversion")]
pub(crate) const fn float_u64(count: u64) -> f64 {
    count as f64
}
