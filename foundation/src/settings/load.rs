//! Where settings come from: a TOML file, then `KEFU_…` variables, then flags; the later wins key by key.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, FileFormat, Source, Value, ValueKind};

use super::rules::rules;
use super::secret::{HIDDEN, hide_password};
use super::{Settings, SettingsError};

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "kefu.toml";

/// The flag that names a file with a value, instead of the value.
pub const FILE_FLAG: &str = "--set-file";

/// One setting from the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag, e.g. `--listen`, for messages.
    pub name: &'static str,
    /// The dotted key, e.g. `server.listen`.
    pub key: String,
    /// The value as text; a list's items are separated by commas.
    pub value: String,
}

/// Everything that settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not start with `KEFU_` are passed over.
    pub variables: Vec<(String, String)>,
    /// Settings from the command line.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// The sources of this process: the file of `--config`, of `KEFU_CONFIG` or else `./kefu.toml` when there is one;
    /// the environment; the given flags.
    ///
    /// # Errors
    /// When a `KEFU_…` variable is not UTF-8.
    pub fn of_process(config: Option<PathBuf>, flags: Vec<Flag>) -> Result<Self, SettingsError> {
        let mut variables = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("KEFU_")) else { continue };
            let value = value.into_string().map_err(|_| SettingsError(format!("variable {name} must be UTF-8")))?;
            variables.push((name.to_owned(), value));
        }
        let named = variables.iter().find(|(name, value)| name == "KEFU_CONFIG" && !value.is_empty());
        let file = config
            .or_else(|| named.map(|(_, path)| path.into()))
            .or_else(|| Path::new(DEFAULT_FILE).exists().then(|| DEFAULT_FILE.into()));
        Ok(Self { file, variables, flags })
    }
}

/// A value and where it came from.
struct Entry {
    value: Value,
    origin: String,
}

/// Values by dotted key.
type Entries = BTreeMap<String, Entry>;

impl Settings {
    /// Reads, merges and checks the settings. Text is taken for a number, a switch or a list where one is needed.
    ///
    /// # Errors
    /// The first key that is unknown or not allowed, or a file that cannot be read.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let keys = Keys::new();
        let mut entries = Entries::new();
        if let Some(path) = &sources.file {
            let origin = format!("file {}", path.display());
            let text = fs::read_to_string(path).map_err(|cause| {
                SettingsError(format!("cannot read the settings of {origin} (--config, KEFU_CONFIG): {cause}"))
            })?;
            let table = config::File::from_str(&text, FileFormat::Toml)
                .collect()
                .map_err(|cause| SettingsError(format!("{origin}: {}", without_excerpt(&cause))))?;
            keys.flatten("", table, &origin, &mut entries)?;
        }
        for (name, value) in &sources.variables {
            let Some(key) = key_of_variable(name) else { continue };
            // An empty variable is how compose files pass "not set".
            if !value.is_empty() {
                keys.insert(key, Value::from(value.as_str()), &format!("variable {name}"), &mut entries)?;
            }
        }
        for Flag { name, key, value } in &sources.flags {
            keys.insert(key.clone(), Value::from(value.as_str()), &format!("flag {name}"), &mut entries)?;
        }
        keys.check_numbers(&entries)?;
        let mut settings = build(&entries).map_err(|cause| keys.mistyped(&cause, &entries))?;
        settings.trim_secrets();
        match rules(&settings).into_iter().find(|rule| !rule.holds) {
            None => Ok(settings),
            Some(rule) => Err(keys.refused(rule.key, &rule.allowed, &entries)),
        }
    }
}

impl Settings {
    /// One line for each key that is set and has no effect, because of how another one is set.
    pub fn without_effect(&self) -> Vec<String> {
        let (set, defaults) = (values(self), values(&Self::default()));
        let line = |rule: super::rules::Rule| {
            let lacks = rule.lacks.filter(|_| set.get(rule.key) != defaults.get(rule.key))?;
            Some(format!("{} is set and has no effect: it counts only when {lacks}", rule.key))
        };
        rules(self).into_iter().filter_map(line).collect()
    }
}

impl Flag {
    /// A line for the operator when the flag holds a secret, which whoever lists the machine's processes sees.
    pub fn exposure(&self) -> Option<String> {
        let Self { name, key, value } = self;
        let is_shown = name != &FILE_FLAG && is_secret(key) && value.split(',').any(|part| hide_password(part) != part);
        is_shown.then(|| {
            format!(
                "{key} is given by {name}: every user of this machine can read it in the list of processes. Use the \
                 variable KEFU_{}, the file of --config, or {FILE_FLAG} {key}=FILE",
                key.to_uppercase().replace('.', "__")
            )
        })
    }
}

/// The dotted key of `KEFU_<SECTION>__<KEY>`. `None` for a variable that is no setting: `KEFU_CONFIG`, and those that
/// Kubernetes sets in every pod beside a service called `kefu` (`KEFU_SERVICE_HOST`, `KEFU_PORT_48080_TCP`, …).
fn key_of_variable(name: &str) -> Option<String> {
    let name = name.strip_prefix("KEFU_")?;
    let foreign = name == "CONFIG" || name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_");
    (!foreign).then(|| name.to_lowercase().replace("__", "."))
}

fn build(entries: &Entries) -> Result<Settings, ConfigError> {
    let builder = entries
        .iter()
        .try_fold(Config::builder(), |builder, (key, entry)| builder.set_override(key, entry.value.clone()))?;
    builder.build()?.try_deserialize()
}

/// A parser's message in one line: where and what, without the excerpt between, which may hold a secret.
fn without_excerpt(cause: &ConfigError) -> String {
    let text = cause.to_string();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next_back()) {
        (Some(place), Some(what)) => format!("{place}: {what}"),
        (only, _) => only.unwrap_or_default().to_owned(),
    }
}

/// Every key there is, with its default; `null` for those without.
struct Keys(BTreeMap<String, serde_json::Value>);

impl Keys {
    fn new() -> Self {
        Self(values(&Settings::default()))
    }

    /// Adds every value of a table; its inner tables are sections.
    fn flatten(
        &self,
        section: &str,
        table: config::Map<String, Value>,
        origin: &str,
        entries: &mut Entries,
    ) -> Result<(), SettingsError> {
        for (name, value) in table {
            let key = join(section, &name);
            match value.kind {
                ValueKind::Table(inner) if self.is_section(&key) => self.flatten(&key, inner, origin, entries)?,
                _ => self.insert(key, value, origin, entries)?,
            }
        }
        Ok(())
    }

    fn insert(&self, key: String, value: Value, origin: &str, entries: &mut Entries) -> Result<(), SettingsError> {
        if !self.0.contains_key(&key) {
            return Err(self.unknown(&key, origin));
        }
        entries.insert(key, Entry { value, origin: origin.to_owned() });
        Ok(())
    }

    fn is_section(&self, key: &str) -> bool {
        self.0.keys().any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
    }

    /// `config` would round 1.5 and take `true` for 1; and says less when a number does not fit.
    fn check_numbers(&self, entries: &Entries) -> Result<(), SettingsError> {
        let wrong = entries.iter().find(|(key, entry)| {
            self.0.get(*key).is_some_and(serde_json::Value::is_number)
                && entry.value.to_string().parse::<u64>().is_err()
        });
        match wrong {
            None => Ok(()),
            Some((key, _)) => Err(self.refused(key, &allowed(key), entries)),
        }
    }

    /// The error of a value that does not have its key's type.
    fn mistyped(&self, cause: &ConfigError, entries: &Entries) -> SettingsError {
        match cause {
            ConfigError::At { key: Some(key), .. } | ConfigError::Type { key: Some(key), .. } => {
                self.refused(key, &allowed(key), entries)
            }
            _ => SettingsError(without_excerpt(cause)),
        }
    }

    fn refused(&self, key: &str, allowed: &str, entries: &Entries) -> SettingsError {
        let (value, origin) = match (entries.get(key), self.0.get(key)) {
            (Some(entry), _) if is_secret(key) => (HIDDEN.to_owned(), entry.origin.as_str()),
            (Some(entry), _) => (shown(&entry.value), entry.origin.as_str()),
            (None, Some(serde_json::Value::Null) | None) => ("not set".to_owned(), "default"),
            (None, Some(value)) => (value.to_string(), "default"),
        };
        SettingsError(format!("{key} must be {allowed}; it is {value} ({origin})"))
    }

    /// The error of a key that is not there; it lists the keys of the innermost section that is.
    fn unknown(&self, key: &str, origin: &str) -> SettingsError {
        let sections = std::iter::successors(Some(key), |key| key.rsplit_once('.').map(|(section, _)| section));
        let section = sections.into_iter().find(|section| self.is_section(section)).unwrap_or_default();
        let inside = |known: &String| {
            let rest = if section.is_empty() { known } else { known.strip_prefix(section)?.strip_prefix('.')? };
            Some(match rest.split_once('.') {
                None => known.clone(),
                Some((inner, _)) => join(section, inner) + ".*",
            })
        };
        let mut keys: Vec<String> = self.0.keys().filter_map(inside).collect();
        keys.dedup();
        let key = key.escape_debug();
        SettingsError(format!("unknown key {key} ({origin}); allowed: {}", keys.join(", ")))
    }
}

/// Every key with its value; secrets are hidden, and what is not set is `null`.
fn values(settings: &Settings) -> BTreeMap<String, serde_json::Value> {
    let mut values = BTreeMap::new();
    let mut open = vec![(String::new(), serde_json::to_value(settings).unwrap_or_default())];
    while let Some((key, value)) = open.pop() {
        match value {
            serde_json::Value::Object(section) => {
                open.extend(section.into_iter().map(|(name, value)| (join(&key, &name), value)));
            }
            value => {
                values.insert(key, value);
            }
        }
    }
    values
}

/// Whether a key's value, or the password in it, must not be shown.
fn is_secret(key: &str) -> bool {
    rules(&Settings::default()).iter().any(|rule| rule.key == key && rule.is_secret)
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// What the key of a value that has the wrong type must be.
fn allowed(key: &str) -> String {
    rules(&Settings::default())
        .into_iter()
        .find_map(|rule| (rule.key == key).then_some(rule.allowed))
        .unwrap_or_else(|| "of another type".to_owned())
}

/// A value for a message: one line, not too long.
fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        ValueKind::String(text) => format!("\"{}\"", text.chars().take(100).collect::<String>().escape_debug()),
        other => other.to_string(),
    }
}
