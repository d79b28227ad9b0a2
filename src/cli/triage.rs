//! Where the configuration and the baseline come from: the commit that is judged, the index, or the work tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, bail};
use jiff::civil::Date;
use keyhound::rules::RuleSet;
use keyhound::scan::Outcome;
use keyhound::sources::changes::file_at;
use keyhound::sources::history::store::ObjectId;
use keyhound::sources::history::{Repo, read_at_most};
use keyhound::sources::names;
use keyhound::sources::objects::Objects;
use keyhound::sources::range::{Range, Tip};
use keyhound::sources::staged::{Index, staged_file};
use keyhound::triage::{BASELINE_NAME, Baseline, CONFIG_NAME, Config, Triage};

use super::common::{Common, now};
use super::git::{Here, open_objects};
use super::output::note;

mod branches;

use branches::Branch;

/// The largest of these files that a repository may bring, bytes.
const LARGEST: u64 = 64 << 20;

/// Reads a file at the root of the repository: its content, if it is there.
type Read<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>>;

/// The day that decides what has expired: today in UTC.
pub(crate) fn today() -> Date {
    let seconds = now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX)).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// What the options name, and else what the repository has, read with `read`; nothing with `--no-suppress`.
fn load(common: &Common, read: Read<'_>) -> Result<Loaded> {
    load_some(common, true, read)
}

fn load_some(common: &Common, with_baseline: bool, read: Read<'_>) -> Result<Loaded> {
    if common.no_suppress {
        return Ok(Loaded::default());
    }
    let content = |given: Option<&Path>, name: &str| match given {
        Some(path) => {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Some((path.display().to_string(), bytes)))
        }
        None => Ok::<_, anyhow::Error>(read(name)?.map(|bytes| (name.to_owned(), bytes))),
    };
    let config = content(common.config.as_deref(), CONFIG_NAME)?;
    let baseline = if with_baseline { content(common.baseline.as_deref(), BASELINE_NAME)? } else { None };
    Ok(Loaded {
        config: config.map(|(name, bytes)| Config::parse(&name, &bytes)).transpose()?,
        baseline: baseline.map(|(name, bytes)| Baseline::parse(&name, &bytes)).transpose()?,
    })
}

#[derive(Default)]
struct Loaded {
    config: Option<Config>,
    baseline: Option<Baseline>,
}

/// What suppresses findings in a run, ready to be applied.
pub(crate) struct Suppressions {
    /// `None`: nothing does.
    triage: Option<Triage>,
    unknown_rules: Vec<String>,
    /// Where branches differ: what each of them suppresses.
    branches: Vec<Branch>,
}

impl Suppressions {
    fn new(loaded: Loaded, rules: &RuleSet, common: &Common) -> Self {
        let unknown_rules = loaded.config.as_ref().map_or(Vec::new(), |config| config.unknown_rules(rules));
        let triage = (!common.no_suppress).then(|| Triage::new(loaded.config, loaded.baseline, today()));
        Self { triage, unknown_rules, branches: Vec::new() }
    }

    /// Whether the scan sees all that there is: only then an entry that it has no use for is reported.
    #[must_use]
    pub(crate) fn whole(mut self, whole: bool) -> Self {
        self.triage = self.triage.map(|triage| triage.whole(whole));
        self
    }

    /// Mark what is suppressed.
    pub(crate) fn apply(&self, outcome: &mut Outcome) {
        if let Some(triage) = &self.triage {
            triage.apply(outcome);
            outcome.unused_suppressions.extend_from_slice(&self.unknown_rules);
        }
        branches::apply(&self.branches, outcome);
    }

    /// The same without the baseline, which need not be there.
    pub(crate) fn of_files_without_baseline(
        paths: &[PathBuf],
        rules: &RuleSet,
        common: &Common,
    ) -> Result<Self> {
        Self::of_paths(paths, rules, common, false)
    }

    /// Those of a scan of folders and files: of the work tree that they are in.
    pub(crate) fn of_files(paths: &[PathBuf], rules: &RuleSet, common: &Common) -> Result<Self> {
        Self::of_paths(paths, rules, common, true)
    }

    fn of_paths(paths: &[PathBuf], rules: &RuleSet, common: &Common, with_baseline: bool) -> Result<Self> {
        let current = std::env::current_dir().context("cannot tell the current folder")?;
        let current = current.canonicalize().unwrap_or(current);
        let root = root_of_all(paths);
        let whole = root.is_some() && paths.iter().any(|path| path.canonicalize().ok() == root);
        let loaded = load_some(common, with_baseline, &|name| {
            root.as_ref().map_or(Ok(None), |root| in_folder(root, name))
        })?;
        let mut new = Self::new(loaded, rules, common);
        let root = root.unwrap_or_else(|| current.clone());
        new.triage =
            new.triage.map(|triage| triage.in_folders(current, root).whole(whole && !common.no_archives));
        Ok(new)
    }

    /// Those of a repository as a whole: of its work tree, or of HEAD where it has none.
    pub(crate) fn of_repo(repo: &Repo, rules: &RuleSet, common: &Common) -> Result<Self> {
        Self::of_whole(repo, rules, common, true)
    }

    /// The same without the baseline.
    pub(crate) fn of_repo_without_baseline(repo: &Repo, rules: &RuleSet, common: &Common) -> Result<Self> {
        Self::of_whole(repo, rules, common, false)
    }

    fn of_whole(repo: &Repo, rules: &RuleSet, common: &Common, with_baseline: bool) -> Result<Self> {
        let loaded = if let Some(root) = &repo.work_tree {
            load_some(common, with_baseline, &|name| in_folder(root, name))?
        } else {
            let head = names::resolve(repo, b"HEAD").ok().flatten();
            // Damage must not keep the scan from reading the rest, nor hide anything.
            load_some(common, with_baseline, &|name| {
                let Some(head) = head else { return Ok(None) };
                let read = open_objects(repo, &[]).and_then(|objects| in_commit(&objects, head, name));
                Ok(read.unwrap_or_else(|error| {
                    note(format_args!("keyhound: {error:#}: it suppresses nothing"));
                    None
                }))
            })?
        };
        Ok(Self::new(loaded, rules, common))
    }

    /// Those of commits that are judged: of the trees of the tips that lead to them, never of a work tree. Where these differ
    /// each tip decides about its own commits.
    pub(crate) fn of_range(
        objects: &Objects,
        range: &Range,
        rules: &RuleSet,
        common: &Common,
    ) -> Result<Self> {
        let mut kinds: Vec<(Content, Vec<Tip>)> = Vec::new();
        for tip in &range.tips {
            let content = content_of(objects, tip.commit, common)?;
            match kinds.iter_mut().find(|(known, _)| *known == content) {
                Some((_, tips)) => tips.push(tip.clone()),
                None => kinds.push((content, vec![tip.clone()])),
            }
        }
        let load = |content: &Content| {
            load(common, &|name| {
                Ok(content.iter().find(|(n, _)| *n == name).and_then(|(_, text)| text.clone()))
            })
        };
        if let [(content, _)] = kinds.as_slice() {
            return Ok(Self::new(load(content)?, rules, common));
        }
        let Some((first, others)) = kinds.split_first() else {
            return Ok(Self::new(Loaded::default(), rules, common));
        };
        for ((name, text), n) in first.0.iter().zip(0..) {
            if others.iter().any(|(content, _)| content[n].1 != *text) {
                note(format_args!(
                    "keyhound: {name} is not the same in all of these branches: each decides about the commits that it has"
                ));
            }
        }
        let branches = kinds.into_iter().map(|(content, tips)| {
            let suppressions = Self::new(load(&content)?, rules, common);
            Ok(Branch::new(suppressions, tips, range, objects))
        });
        Ok(Self { triage: None, unknown_rules: Vec::new(), branches: branches.collect::<Result<_>>()? })
    }

    /// Those of what is staged: of the index.
    pub(crate) fn of_index(here: &Here, index: &Index, rules: &RuleSet, common: &Common) -> Result<Self> {
        let loaded = load(common, &|name| {
            staged_file(index, &here.objects, name.as_bytes())
                .with_context(|| format!("cannot read the staged {name}"))
        })?;
        Ok(Self::new(loaded, rules, common))
    }
}

/// The root of the work tree that a path is in.
pub(crate) fn root_of(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf)
}

/// The root of the one work tree that all these paths are in: the files of one repository do not decide about another.
pub(crate) fn root_of_all(paths: &[PathBuf]) -> Option<PathBuf> {
    let mut roots = paths.iter().map(|path| root_of(path));
    let first = roots.next()??;
    roots.all(|root| root.as_ref() == Some(&first)).then_some(first)
}

fn in_folder(root: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = root.join(name);
    // Links in a repository lead anywhere, to pipes and devices, too.
    match read_at_most(&path, LARGEST) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => bail!("{} is larger than {} MiB", path.display(), LARGEST >> 20),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The file that a commit has at its root.
fn in_commit(objects: &Objects, commit: ObjectId, name: &str) -> Result<Option<Vec<u8>>> {
    file_at(objects, commit, name.as_bytes()).with_context(|| {
        format!(
            "cannot read {name} of {commit}: fetch what is missing, or say --no-suppress to do without it"
        )
    })
}

/// The files of a commit by name, as far as the options do not name others.
type Content = [(&'static str, Option<Vec<u8>>); 2];

fn content_of(objects: &Objects, commit: ObjectId, common: &Common) -> Result<Content> {
    let read = |name: &'static str, given: Option<&Path>| {
        let wanted = given.is_none() && !common.no_suppress;
        let text = if wanted { in_commit(objects, commit, name)? } else { None };
        Ok::<_, anyhow::Error>((name, text))
    };
    Ok([read(CONFIG_NAME, common.config.as_deref())?, read(BASELINE_NAME, common.baseline.as_deref())?])
}
