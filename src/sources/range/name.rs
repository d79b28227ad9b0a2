//! What a text such as `origin/main..feature~2` means.

use super::{Range, Tip};
use crate::sources::history::Repo;
use crate::sources::history::commits::Node;
use crate::sources::history::reach::{MAX_TAGS, tag_target};
use crate::sources::history::store::{ObjectId, ObjectKind};
use crate::sources::names::{self, NameError};
use crate::sources::objects::{ObjectError, Objects};

/// Where git looks for a short name, in its order.
const PLACES: [(&str, &str); 6] = [
    ("", ""),
    ("refs/", ""),
    ("refs/tags/", ""),
    ("refs/heads/", ""),
    ("refs/remotes/", ""),
    ("refs/remotes/", "/HEAD"),
];

/// Why a range is none.
#[derive(Debug, thiserror::Error)]
pub enum RangeError {
    /// Nothing has that name.
    #[error("{name} is not in this {}{}", if *.shallow { "shallow clone" } else { "repository" }, hint(*.shallow))]
    Unknown {
        /// The name.
        name: String,
        /// Whether the history is cut.
        shallow: bool,
    },
    /// It is no name that is understood here.
    #[error("{name} is no name of a commit that is understood: {reason}")]
    Syntax {
        /// The name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// It names something else.
    #[error("{name} names no commit")]
    NoCommit {
        /// The name.
        name: String,
    },
    /// What it names cannot be read.
    #[error("cannot read {name}")]
    Object {
        /// The name.
        name: String,
        /// Why.
        source: ObjectError,
    },
    /// A ref cannot be read.
    #[error(transparent)]
    Name(#[from] NameError),
}

fn hint(shallow: bool) -> &'static str {
    if shallow {
        ": fetch it (`git fetch --unshallow`; `fetch-depth: 0` in GitHub Actions, `GIT_DEPTH: 0` in GitLab CI)"
    } else {
        ": fetch it, or look for a mistake in the name"
    }
}

impl Range {
    /// The range that a text means:
    ///
    /// - `A..B`: what B reaches and A does not;
    /// - `A...B`: the same, as in a pull request: what B has since it parted from A;
    /// - `B`: all that B reaches;
    /// - `B^!`: B without its parents, be it the first commit of all.
    ///
    /// A side that is left out is HEAD, but not both. Sides are ids, whole or shortened, and names of refs, each with `~N`, `^N` and
    /// `^{commit}` behind it.
    pub fn parse(repo: &Repo, objects: &Objects, text: &str) -> Result<Self, RangeError> {
        if text.trim().is_empty() {
            let reason = "it is empty: is a variable?";
            return Err(RangeError::Syntax { name: "''".to_owned(), reason });
        }
        if let Some(name) = text.strip_suffix("^!") {
            return Self::alone(repo, objects, text, name);
        }
        let side = |name: &str| resolve(repo, objects, if name.is_empty() { "HEAD" } else { name });
        let sides = text.split_once("...").or_else(|| text.split_once(".."));
        let (excluded, tip) = match sides {
            Some((base, tip)) => (vec![side(base)?.commit], side(tip)?),
            None => (Vec::new(), side(text)?),
        };
        let range =
            Self { text: text.to_owned(), tips: vec![tip], excluded, with_tags: true, ..Self::default() };
        // From HEAD to what HEAD has there is nothing, and that is hardly meant.
        let has_nothing = || {
            let walked = range.walk(objects);
            walked.commits.is_empty() && walked.problems.is_empty()
        };
        if sides.is_some_and(|(base, _)| base.is_empty()) && has_nothing() {
            let reason = "nothing stands before the dots: is a variable empty?";
            return Err(RangeError::Syntax { name: text.to_owned(), reason });
        }
        Ok(range)
    }

    /// One commit without its parents.
    fn alone(repo: &Repo, objects: &Objects, text: &str, name: &str) -> Result<Self, RangeError> {
        let tip = resolve(repo, objects, name)?;
        let excluded = node(repo, objects, name, &tip.commit)?.parents;
        if !excluded.iter().all(|parent| objects.contains(parent)) {
            return Err(RangeError::Unknown { name: format!("{name}^"), shallow: repo.is_shallow() });
        }
        Ok(Self {
            text: text.to_owned(),
            tips: vec![tip],
            excluded: excluded.to_vec(),
            with_tags: true,
            ..Self::default()
        })
    }
}

/// The commit that a name means.
fn resolve(repo: &Repo, objects: &Objects, name: &str) -> Result<Tip, RangeError> {
    let syntax = |reason| RangeError::Syntax { name: name.to_owned(), reason };
    let base_len = name.find(['^', '~', ':']).unwrap_or(name.len());
    let (base, mut steps) = name.split_at(base_len);
    if base.is_empty() {
        return Err(syntax("a name comes first"));
    }
    if base.contains("@{") {
        return Err(syntax("reflogs and upstream branches are not looked up"));
    }
    let (id, ref_name) = find(repo, objects, base)?;
    let mut tip = peel(objects, name, id)?;
    while !steps.is_empty() {
        if let Some(rest) = ["^{commit}", "^{}", "^0"].iter().find_map(|s| steps.strip_prefix(s)) {
            steps = rest;
            continue;
        }
        let first = steps.starts_with('~');
        let step = steps.strip_prefix(['~', '^']).filter(|step| !step.starts_with('{'));
        let step = step.ok_or_else(|| syntax("only ~N, ^N and ^{commit} may stand behind a name"))?;
        let rest = step.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: usize = match &step[..step.len() - rest.len()] {
            "" => 1,
            digits => digits.parse().map_err(|_| syntax("the number is too large"))?,
        };
        let (times, which) = if first { (number, 1) } else { (1, number) };
        for _ in 0..times {
            tip = parent(repo, objects, name, &tip, which)?;
        }
        steps = rest;
    }
    // A ref says which branch this is; one of its ancestors is on many.
    tip.name = ref_name.filter(|_| base_len == name.len());
    Ok(tip)
}

fn parent(repo: &Repo, objects: &Objects, name: &str, of: &Tip, which: usize) -> Result<Tip, RangeError> {
    let unknown = || RangeError::Unknown { name: name.to_owned(), shallow: repo.is_shallow() };
    let node = node(repo, objects, name, &of.commit)?;
    let commit = which.checked_sub(1).and_then(|n| node.parents.get(n).copied()).ok_or_else(unknown)?;
    if objects.contains(&commit) { Ok(Tip { commit, tags: Vec::new(), name: None }) } else { Err(unknown()) }
}

fn node(repo: &Repo, objects: &Objects, name: &str, commit: &ObjectId) -> Result<Node, RangeError> {
    let failed = |source| RangeError::Object { name: name.to_owned(), source };
    let mut buf = Vec::new();
    objects.read_kind(commit, ObjectKind::Commit, &mut buf).map_err(failed)?;
    Node::parse(*commit, &buf, repo.hash)
        .ok_or_else(|| failed(ObjectError::Damaged { id: *commit, reason: "the commit is malformed".into() }))
}

/// The object that a name without anything behind it means, and the ref if it is one.
fn find(repo: &Repo, objects: &Objects, name: &str) -> Result<(ObjectId, Option<Vec<u8>>), RangeError> {
    let unknown = || RangeError::Unknown { name: name.to_owned(), shallow: repo.is_shallow() };
    let is_hex = name.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex && name.len() == repo.hash.len_in_hex() {
        let id = ObjectId::from_hex(name.to_ascii_lowercase().as_bytes()).map_err(|_| unknown())?;
        return if objects.contains(&id) { Ok((id, None)) } else { Err(unknown()) };
    }
    let name = if name == "@" { "HEAD" } else { name };
    for (before, after) in PLACES {
        // Only names that git keeps at the top stand there: HEAD, FETCH_HEAD, ORIG_HEAD.
        if before.is_empty()
            && !name.starts_with("refs/")
            && !name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        {
            continue;
        }
        let full = format!("{before}{name}{after}").into_bytes();
        if let Some(id) = names::resolve(repo, &full)? {
            return Ok((id, Some(full).filter(|full| full.starts_with(b"refs/"))));
        }
    }
    let short = (is_hex && name.len() >= 4).then(|| objects.find_prefix(name)).flatten();
    short.map(|id| (id, None)).ok_or_else(unknown)
}

/// Follow tags to the commit.
fn peel(objects: &Objects, name: &str, mut id: ObjectId) -> Result<Tip, RangeError> {
    let mut tags = Vec::new();
    let mut buf = Vec::new();
    for _ in 0..MAX_TAGS {
        let kind = objects.read(&id, &mut buf);
        match kind.map_err(|source| RangeError::Object { name: name.to_owned(), source })? {
            ObjectKind::Commit => return Ok(Tip { commit: id, tags, name: None }),
            ObjectKind::Tag => {
                tags.push(id);
                match tag_target(&buf, objects.hash()) {
                    Some(target) => id = target,
                    None => break,
                }
            }
            ObjectKind::Tree | ObjectKind::Blob => break,
        }
    }
    Err(RangeError::NoCommit { name: name.to_owned() })
}

impl Range {
    /// Add what an id leads to: a commit, through tags or not, or else something that is no commit. `name` is the ref.
    pub fn add(&mut self, objects: &Objects, id: ObjectId, name: &[u8]) -> Result<(), RangeError> {
        match peel(objects, &id.to_string(), id) {
            Ok(tip) => self.tips.push(Tip { name: Some(name.to_vec()), ..tip }),
            Err(RangeError::NoCommit { .. }) => self.others.push((id, name.to_vec())),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Leave out what an id leads to, with all that is before it. What is not there leaves nothing out.
    pub fn exclude(&mut self, objects: &Objects, id: ObjectId) {
        if let Ok(tip) = peel(objects, "", id) {
            self.excluded.push(tip.commit);
        }
    }
}
