//! Which findings somebody has allowed: by a word in the text, by the configuration, by the baseline.
//!
//! A finding is suppressed when every place that holds the whole credential is allowed. It stays in the outcome, marked.
//! Expired entries allow nothing. Files come as bytes, so that they can be read from the commit that is judged.

use std::path::{Component, Path, PathBuf};

use jiff::civil::Date;

use crate::blob::Skipped;
use crate::finding::{Finding, Location, Severity, Suppression, SuppressionKind};
use crate::scan::Outcome;

mod baseline;
mod config;
mod day;
mod error;

pub use baseline::{BASELINE_NAME, Baseline, Known};
pub use config::{CONFIG_NAME, Config};
pub use error::TriageError;

use config::Inline;

/// Everything that can suppress a finding.
#[derive(Debug, Clone)]
pub struct Triage {
    config: Option<Config>,
    baseline: Option<Baseline>,
    today: Date,
    folders: Option<Folders>,
    whole: bool,
}

/// Where the paths of a scan of files start, and where those of the configuration do.
#[derive(Debug, Clone)]
struct Folders {
    current: PathBuf,
    root: PathBuf,
}

impl Triage {
    /// `today` decides what has expired.
    pub fn new(config: Option<Config>, baseline: Option<Baseline>, today: Date) -> Self {
        Self { config, baseline, today, folders: None, whole: true }
    }

    /// In a scan of files, relative paths start at `current`, those of the configuration at `root`; both absolute.
    #[must_use]
    pub fn in_folders(mut self, current: PathBuf, root: PathBuf) -> Self {
        self.folders = Some(Folders { current, root });
        self
    }

    /// Whether the scan saw all that the entries are about: only then is one without use reported.
    #[must_use]
    pub fn whole(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    /// Mark what is suppressed, change severities, and tell which entries had no use or have expired.
    pub fn apply(&self, outcome: &mut Outcome) {
        let mut used = Used::new(self);
        for finding in &mut outcome.findings {
            self.severity(finding);
            (finding.suppression, finding.lapsed) = self.judge(finding, outcome.mode, &mut used);
        }
        let (allowed, unread) = std::mem::take(&mut outcome.incomplete)
            .into_iter()
            .partition(|skipped| self.allows_unread(skipped, outcome.mode, &mut used));
        outcome.incomplete = unread;
        outcome.left_out.extend::<Vec<Skipped>>(allowed);
        let whole = self.whole
            && outcome.incomplete.is_empty()
            && matches!(outcome.mode, "files" | "history" | "audit");
        outcome.unused_suppressions.extend(self.stale(&used, whole.then_some(outcome.mode)));
    }

    /// Whether all that there may be in what was not read is allowed, for the path that it is.
    fn allows_unread(&self, skipped: &Skipped, mode: &str, used: &mut Used) -> bool {
        let path = self.path(skipped.place().as_bytes(), skipped.member_len, mode);
        let entries = self.config.iter().flat_map(|config| &config.entries);
        let mut allows = entries.zip(&mut used.entries).filter(|(entry, _)| {
            entry.allows_all()
                && !is_over(entry.expires, self.today)
                && entry.covers(path.as_deref(), skipped.member_len)
        });
        allows.next().map(|(_, used)| *used = true).is_some()
    }

    fn severity(&self, finding: &mut Finding) {
        let change = self.config.as_ref().and_then(|config| config.rules.get(&*finding.rule_id));
        // what is no credential stays none
        if let Some(severity) = change.and_then(|c| c.severity).filter(|_| finding.severity > Severity::Info)
        {
            finding.severity = severity;
        }
    }

    /// What suppresses a finding; and if nothing does, what was meant to.
    fn judge(&self, finding: &Finding, mode: &str, used: &mut Used) -> (Option<Suppression>, Option<String>) {
        let mut lapsed = None;
        let of_baseline = self.in_baseline(finding, used, &mut lapsed);
        let entries = self.entries(finding);
        let mut first = None;
        let mut all = true;
        for place in finding.places() {
            let path = place.path.as_deref().and_then(|path| self.path(path, place.member_len, mode));
            // Where places were left out, one may stand where nothing allows it.
            let knows_all = finding.other_locations_omitted == 0;
            let mut of_place = self.inline(place, &mut lapsed).filter(|_| knows_all);
            for &i in &entries {
                let config = self.config.as_ref().expect("it has entries");
                let entry = &config.entries[i];
                if !entry.covers(path.as_deref(), place.member_len) {
                    continue;
                }
                used.entries[i] = true;
                if let Some(day) = entry.expires.filter(|_| is_over(entry.expires, self.today)) {
                    lapsed = Some(format!("{}:{} allowed it until {day}", config.file, entry.line));
                }
                if !is_over(entry.expires, self.today) && (knows_all || !entry.needs_path()) {
                    of_place = of_place.or_else(|| {
                        Some(Suppression {
                            kind: SuppressionKind::Config,
                            reason: Some(entry.reason.clone()),
                            author: entry.author.clone(),
                            expires: entry.expires.map(|day| day.to_string()),
                            source: Some(format!("{}:{}", config.file, entry.line)),
                        })
                    });
                }
            }
            if is_whole(finding, place) {
                all &= of_place.is_some();
                first = first.or(of_place);
            }
        }
        let suppression = first.filter(|_| all).or_else(|| self.rule_off(finding)).or(of_baseline);
        let lapsed = lapsed.filter(|_| suppression.is_none());
        (suppression, lapsed)
    }

    fn inline(&self, place: &Location, lapsed: &mut Option<String>) -> Option<Suppression> {
        let reason = place.allowed.as_deref()?;
        let inline = self.config.as_ref().map(|config| (config.inline, &*config.file));
        match inline {
            Some((Inline::Ignore, file)) => {
                *lapsed = Some(format!("{file} says that keyhound:allow in texts counts for nothing"));
                return None;
            }
            Some((Inline::WithReason, file)) if reason.is_empty() => {
                *lapsed = Some(format!("its keyhound:allow gives no reason, and {file} asks for one"));
                return None;
            }
            _ => {}
        }
        Some(Suppression {
            kind: SuppressionKind::Inline,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            author: None,
            expires: None,
            source: None,
        })
    }

    /// The entries of the configuration that speak of the finding, by index, whatever its places.
    fn entries(&self, finding: &Finding) -> Vec<usize> {
        let entries = self.config.iter().flat_map(|config| &config.entries).enumerate();
        entries.filter(|(_, entry)| entry.matches(finding)).map(|(i, _)| i).collect()
    }

    fn rule_off(&self, finding: &Finding) -> Option<Suppression> {
        let config = self.config.as_ref()?;
        let change = config.rules.get(&*finding.rule_id).filter(|change| !change.enabled)?;
        Some(Suppression {
            kind: SuppressionKind::Config,
            reason: Some("the rule is turned off".to_owned()),
            author: None,
            expires: None,
            source: Some(format!("{}:{}", config.file, change.line)),
        })
    }

    fn in_baseline(
        &self,
        finding: &Finding,
        used: &mut Used,
        lapsed: &mut Option<String>,
    ) -> Option<Suppression> {
        let baseline = self.baseline.as_ref()?;
        used.known.extend(finding.id_alone().map(|fingerprint| fingerprint.as_str().to_owned()));
        let known = baseline.entries.get(finding.fingerprint.as_str())?;
        used.known.insert(finding.fingerprint.as_str().to_owned());
        if let Some(day) = known.expires.filter(|_| is_over(known.expires, self.today)) {
            *lapsed = Some(format!("{}:{} allowed it until {day}", baseline.file, known.line));
        }
        (!is_over(known.expires, self.today)).then(|| Suppression {
            kind: SuppressionKind::Baseline,
            reason: known.reason.clone(),
            author: known.author.clone(),
            expires: known.expires.map(|day| day.to_string()),
            source: Some(format!("{}:{}", baseline.file, known.line)),
        })
    }

    /// A path from the root of the repository.
    fn path(&self, path: &[u8], member_len: usize, mode: &str) -> Option<Vec<u8>> {
        match &self.folders {
            Some(folders) if mode == "files" => {
                // Names of members are none of the system's.
                let (file, member) = path.split_at(path.len().saturating_sub(member_len));
                Some([folders.below_root(file)?.as_slice(), member].concat())
            }
            _ => Some(path.to_vec()),
        }
    }

    /// A sentence for each entry that has expired or had no use in a scan that saw all that there is for its mode; `None`: it did not.
    fn stale(&self, used: &Used, whole: Option<&str>) -> Vec<String> {
        // What somebody looks at who sees the files alone, or the history, may stand in the other.
        let nothing = match whole {
            None => None,
            Some("files") => Some("matches nothing in the files (the history was not looked at)"),
            Some("history") => Some("matches nothing in the history"),
            Some(_) => Some("matches nothing"),
        };
        let mut stale = Vec::new();
        let mut tell = |expires: Option<Date>, nothing: Option<&str>, what: &dyn Fn() -> String| {
            if let Some(day) = expires.filter(|_| is_over(expires, self.today)) {
                stale.push(format!("expired on {day}, so it allows nothing: {}", what()));
            } else if let Some(nothing) = nothing {
                stale.push(format!("{nothing}: {}", what()));
            }
        };
        if let Some(config) = &self.config {
            for (entry, &used) in config.entries.iter().zip(&used.entries) {
                tell(entry.expires, nothing.filter(|_| !used), &|| entry.describe(&config.file));
            }
        }
        if let Some(baseline) = &self.baseline {
            // Most of what a baseline has is in the history alone.
            let nothing = nothing.filter(|_| whole != Some("files"));
            let mut elsewhere = 0;
            for (fingerprint, known) in &baseline.entries {
                let used = used.known.contains(fingerprint);
                tell(known.expires, nothing.filter(|_| !used), &|| baseline.describe(fingerprint, known));
                elsewhere += usize::from(!used && !is_over(known.expires, self.today));
            }
            if whole == Some("files") && elsewhere > 0 {
                stale.push(format!(
                    "{elsewhere} of {} entries of {} match nothing in the files; `keyhound baseline prune` removes those that the history does not have either",
                    baseline.entries.len(),
                    baseline.file
                ));
            }
        }
        stale
    }
}

/// Which entries have matched.
struct Used {
    entries: Vec<bool>,
    known: std::collections::BTreeSet<String>,
}

impl Used {
    fn new(triage: &Triage) -> Self {
        let entries = triage.config.as_ref().map_or(0, |config| config.entries.len());
        Self { entries: vec![false; entries], known: std::collections::BTreeSet::new() }
    }
}

/// Whether a place holds the whole credential. One that names the id of a pair again leaks nothing more, and needs no word of
/// its own.
fn is_whole(finding: &Finding, place: &Location) -> bool {
    finding.secret.is_none() || place.secret_line.is_some() || place.line.is_none()
}

fn is_over(expires: Option<Date>, today: Date) -> bool {
    expires.is_some_and(|day| day < today)
}

impl Folders {
    /// `path`, which starts at the current folder, from the root; `None` outside of it.
    fn below_root(&self, path: &[u8]) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(path);
        let is_exact = matches!(text, std::borrow::Cow::Borrowed(_));
        let mut whole = PathBuf::new();
        for part in self.current.join(&*text).components() {
            match part {
                Component::ParentDir => {
                    whole.pop();
                }
                Component::CurDir => {}
                part => whole.push(part),
            }
        }
        let inner: &Path = whole.strip_prefix(&self.root).ok()?;
        let inner = inner
            .components()
            .map(|part| part.as_os_str().as_encoded_bytes())
            .collect::<Vec<_>>()
            .join(&b'/');
        // The end of a name that is not UTF-8 is taken as it is.
        let is_plain = self.current == self.root && !path.starts_with(b"/") && !path.starts_with(b".");
        Some(if !is_exact && is_plain { path.to_vec() } else { inner })
    }
}

#[cfg(test)]
mod tests;
