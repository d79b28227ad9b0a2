//! Whose a value is, as headings, items of lists and the words before it tell: `## prod`, `- name: prod`, `prod: ID`.
//!
//! Most headings name no owner. They part an id and a secret where they are seen to: one of the same look has both a secret and an id
//! below it, they are stages, or a field says whose an item is.

use std::collections::{BTreeMap, HashSet};

use super::columns::{Columns, names_one};
use super::label::Says;
use super::names::words;
use super::pair::{IdAt, SecretAt, Slot};
use super::structure::begins_comment;
use super::vocabulary::STAGES;

/// How far before a value what tells its owner may begin, in bytes.
const REACH: usize = 2 << 10;
/// The same in lines.
const LINES: usize = 40;
/// Headings are not longer than this, in bytes and in words.
const LONGEST: usize = 80;
const MOST: usize = 4;
/// Of more values nobody is told: they are a list.
const VALUES: usize = 4000;

/// Fields that say whose an item of a list is.
const FIELDS: &[&str] = &[
    "name",
    "user",
    "username",
    "owner",
    "env",
    "environment",
    "stage",
    "profile",
    "account",
    "tenant",
    "project",
    "team",
    "customer",
    "service",
];
/// Fields of what people write: whose a message is says nothing of what is in it.
const MESSAGES: &[&str] = &["text", "message", "msg", "body", "content"];

/// Words of such phrases as `keys for prod`.
const OF_OWNERS: &[&str] = &["keys", "key", "credentials", "for"];
/// Words that name what a part of a text is for, or remark upon it, and no owner.
const REMARKS: &[&str] = &[
    "data",
    "stringdata",
    "environment",
    "environments",
    "variables",
    "vars",
    "args",
    "parameters",
    "settings",
    "options",
    "values",
    "properties",
    "required",
    "optional",
    "sensitive",
    "confidential",
    "important",
    "note",
    "todo",
    "fixme",
    "rotated",
    "generated",
    "identifier",
    "passphrase",
    "usage",
    "setup",
    "configuration",
    "installation",
    "install",
    "introduction",
    "info",
    "debug",
    "warn",
    "warning",
    "error",
    "trace",
    "notice",
    "step",
    "build",
    "local",
    "locally",
    "requirements",
    "faq",
    "notes",
    "run",
    "started",
    "docker",
    "terraform",
    "getting",
    "config",
    "if",
    "else",
    "then",
    "do",
    "try",
    "return",
];

/// What tells whose a value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Title {
    look: Look,
    /// Lower case.
    words: Vec<String>,
}

impl Title {
    /// Whether its words are a name, or what ends one.
    fn is_in(&self, name: &str) -> bool {
        const SHORT: usize = 3;
        let letters = self.words.iter().flat_map(|w| w.chars()).filter(char::is_ascii_alphanumeric);
        let letters: String = letters.collect();
        letters == name || letters.len() > SHORT && name.ends_with(&letters)
    }
}

/// How titles look that go together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Look {
    /// The signs around a heading, or the name of a block.
    Heading(Vec<u8>),
    /// The signs around the words before the value, on its line.
    Lead(Vec<u8>),
    /// The name of the field.
    Field(String),
}

impl Look {
    fn is_comment(&self) -> bool {
        matches!(self, Self::Heading(signs) if matches!(&signs[..], b"#." | b";." | b"//."))
    }
}

/// What tells whose the ids and the secrets are.
#[derive(Debug, Default)]
pub(super) struct Owners {
    ids: Vec<Option<Title>>,
    secrets: Vec<Option<Title>>,
    /// Looks of titles that are seen to tell of owners.
    telling: HashSet<Look>,
    /// The id and the secret of one owner, where ids and secrets stand in two lists.
    pairs: Vec<(usize, usize)>,
}

impl Owners {
    /// `order`: the ids and secrets by position.
    pub(super) fn new(text: &[u8], ids: &[IdAt], secrets: &[SecretAt], order: &[Slot]) -> Self {
        if order.len() > VALUES {
            return Self::default();
        }
        let title = |at: usize, name: &str| title(&text[at.saturating_sub(REACH)..at], name);
        // Examples stand where they like.
        let of_id = |id: &IdAt| title(id.candidate.span.start, "").filter(|_| id.candidate.class.real);
        let of_secret = |secret: &SecretAt| {
            if !secret.candidate.class.real {
                return None;
            }
            let named = matches!(secret.label.says, Says::Yes | Says::Maybe);
            title(secret.candidate.span.start, if named { &secret.label.name } else { "" })
        };
        let mut owners = Self {
            ids: ids.iter().map(of_id).collect(),
            secrets: secrets.iter().map(of_secret).collect(),
            ..Self::default()
        };
        let (telling, pairs) = owners.told(order);
        owners.telling = telling;
        owners.pairs = pairs;
        owners
    }

    /// The looks of titles that an id and the secret beside it have, or those in two lists, and the pairs of such lists.
    fn told(&self, order: &[Slot]) -> (HashSet<Look>, Vec<(usize, usize)>) {
        let title = |slot: &Slot| match *slot {
            Slot::Id(id) => self.ids[id].as_ref(),
            Slot::Secret(secret) => self.secrets[secret].as_ref(),
        };
        let mut places: BTreeMap<&Title, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (rank, slot) in order.iter().enumerate() {
            let Some(title) = title(slot) else { continue };
            let (ids, secrets) = places.entry(title).or_default();
            if matches!(slot, Slot::Id(_)) { ids } else { secrets }.push(rank);
        }
        let mut lists: BTreeMap<&Look, (bool, usize)> = BTreeMap::new();
        for slot in order {
            let Some(title) = title(slot) else { continue };
            let is_id = matches!(slot, Slot::Id(_));
            let (last, changes) = lists.entry(&title.look).or_insert((is_id, 0));
            *changes += usize::from(std::mem::replace(last, is_id) != is_id);
        }
        let one = places.iter().filter_map(|(title, (ids, secrets))| match (&ids[..], &secrets[..]) {
            (&[id], &[secret]) => Some((*title, id, secret)),
            _ => None,
        });
        let is_apart = |(own, id, secret): &(&Title, usize, usize)| {
            let other = |rank: usize| title(&order[rank]).is_some_and(|t| t.look == own.look && t != *own);
            lists[&own.look].1 == 1 && id.abs_diff(*secret) > 1 && other(id.min(secret) + 1)
        };
        let lists: HashSet<&Look> = one.clone().filter(is_apart).map(|(title, ..)| &title.look).collect();
        let pairs = one.filter(|(title, ..)| lists.contains(&title.look));
        let pairs: Vec<(usize, usize)> = pairs
            .filter_map(|(_, id, secret)| match (order[id], order[secret]) {
                (Slot::Id(id), Slot::Secret(secret)) => Some((id, secret)),
                _ => None,
            })
            .collect();
        let of_both = order.windows(2).filter(|two| {
            matches!(two, [Slot::Id(_), Slot::Secret(_)] | [Slot::Secret(_), Slot::Id(_)])
                && title(&two[0]) == title(&two[1])
        });
        let telling = of_both.filter_map(|two| title(&two[0])).map(|title| &title.look).chain(lists);
        (telling.cloned().collect(), pairs)
    }

    /// Whether an id and a secret are of two owners. `apart`: they stand in two paragraphs.
    pub(super) fn part(&self, id: usize, secret: usize, apart: bool) -> bool {
        let (Some(Some(a)), Some(Some(b))) = (self.ids.get(id), self.secrets.get(secret)) else {
            return false;
        };
        if a.look != b.look {
            return false;
        }
        let same = a.words.iter().zip(&b.words).take_while(|(a, b)| a == b).count();
        let (a_words, b_words) = (&a.words[same..], &b.words[same..]);
        let same = a_words.iter().rev().zip(b_words.iter().rev()).take_while(|(a, b)| a == b).count();
        let own = [&a_words[..a_words.len() - same], &b_words[..b_words.len() - same]];
        let are_stages = || own.iter().all(|own| own.iter().any(|word| is_stage(word)));
        let are_said = || {
            let of = |word: &str| FIELDS.contains(&word) || OF_OWNERS.contains(&word);
            a.words.iter().any(|word| of(word) && b.words.contains(word))
        };
        // A comment is rather a remark.
        let most = if a.look.is_comment() { 1 } else { 2 };
        let may_tell =
            own.iter().all(|own| (1..=most).contains(&own.len()) && own.iter().all(|word| is_owner(word)));
        // Many things have a name.
        let field = matches!(&a.look, Look::Field(field) if field != "name");
        // A comment right between the two is a remark on the second.
        let is_remark = !apart && a.look.is_comment();
        let telling = self.telling.contains(&a.look) && !is_remark;
        may_tell && (field || telling || are_stages() || are_said())
    }

    /// Make the two of one owner stand at the same place, and no others.
    pub(super) fn join(&self, columns: &mut Columns, possible: &dyn Fn(usize, usize) -> bool) {
        for (id, partner) in columns.partner.iter_mut().enumerate() {
            *partner = partner.filter(|secret| !self.part(id, *secret, true));
        }
        for &(id, secret) in self.pairs.iter().filter(|(id, secret)| possible(*id, *secret)) {
            columns.partner[id] = Some(secret);
            columns.owner[secret] = Some(id);
        }
    }
}

/// Whether a word may be the name of an owner. As long as an id it is one.
fn is_owner(word: &str) -> bool {
    const ID: usize = 20;
    let words = words(word.as_bytes());
    !words.is_empty()
        && word.len() < ID
        && words.iter().all(|w| names_one(&w.text) && !REMARKS.contains(&w.text.as_str()))
}

fn is_stage(word: &str) -> bool {
    words(word.as_bytes()).iter().any(|w| STAGES.contains(&w.text.as_str()))
}

/// What tells whose the value behind `before` is. `name`: that of the value.
fn title(before: &[u8], name: &str) -> Option<Title> {
    let around = around(before);
    let mut lines = around.rsplit(|b| *b == b'\n').take(LINES);
    let own = lines.next()?;
    // Who says something in a chat may say it of a key of others.
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    if matches!(line, [b'[', b'0'..=b'9', ..])
        || words(own).iter().any(|w| MESSAGES.contains(&w.text.as_str()))
    {
        return None;
    }
    let (mut left, is_item) = column(own);
    if let Some(title) = field(own, name).or_else(|| lead(own, name)) {
        return Some(title);
    }
    let mut in_item = !is_item;
    // A heading right above a line is that of one paragraph, if it is not that of a block.
    let (mut is_parted, mut follows_blank) = (false, false);
    // What stands above a line that was made a comment is said of that.
    let (is_in_force, mut of_other) = (!is_comment(own), false);
    for line in lines {
        if line.trim_ascii().is_empty() {
            (is_parted, follows_blank) = (true, true);
            continue;
        }
        let (column, is_item) = column(line);
        if column > left {
            continue;
        }
        let is_block = column < left || line.trim_ascii_end().last().is_some_and(|b| b"{[(".contains(b));
        let covers = is_block || !is_parted || follows_blank;
        follows_blank &= !line.iter().any(u8::is_ascii_alphanumeric);
        left = column;
        if is_in_force && is_comment(line) {
            let (was, is_value) = (of_other, is_assignment(line));
            of_other = is_value;
            if was || is_value {
                continue;
            }
        }
        if let Some(title) =
            field(line, name).filter(|_| in_item).or_else(|| heading(line).filter(|_| covers))
        {
            return Some(title);
        }
        in_item &= !is_item && !line.trim_ascii_start().starts_with(b"</");
    }
    None
}

fn is_comment(line: &[u8]) -> bool {
    begins_comment(line.trim_ascii_start())
}

/// Whether a comment is the line of a key.
fn is_assignment(comment: &[u8]) -> bool {
    let line = comment.trim_ascii_start();
    let signs = line.iter().take_while(|b| b"#/; ".contains(b)).count();
    let name = line[signs..].split(|b| matches!(b, b'=' | b':')).next().unwrap_or_default();
    let name = name.trim_ascii_end();
    let name = name.strip_prefix(b"export ").unwrap_or(name);
    let whole = signs + name.len() < line.len() && !name.contains(&b' ');
    whole && words(name).iter().any(|w| !names_one(&w.text))
}

/// Where the content of a line begins, and whether it is an item of a list.
pub(super) fn column(line: &[u8]) -> (usize, bool) {
    let indent = line.len() - line.trim_ascii_start().len();
    let is_item = line[indent..].starts_with(b"- ");
    (if is_item { indent + 2 } else { indent }, is_item)
}

/// A text without the blocks that end in it.
fn around(text: &[u8]) -> Vec<u8> {
    let mut closed = 0;
    let mut around: Vec<u8> = Vec::new();
    for &b in text.iter().rev() {
        match b {
            b'}' | b']' | b')' => closed += 1,
            b'{' | b'[' | b'(' if closed > 0 => closed -= 1,
            _ if closed == 0 => around.push(b),
            _ => {}
        }
    }
    around.reverse();
    around
}

/// The title of the given look that the words of `content` are: few, of which one may be the name of an owner.
fn words_of(content: &[u8], most: usize, look: Look) -> Option<Title> {
    let word = |b: &u8| b.is_ascii_alphanumeric() || b" -_.@&/\"'".contains(b);
    if !content.iter().all(word) {
        return None;
    }
    let tokens = content.split(|b| b" \"'".contains(b)).filter(|token| !token.is_empty());
    let words: Vec<String> =
        tokens.take(most + 1).map(|w| String::from_utf8_lossy(w).to_ascii_lowercase()).collect();
    (words.len() <= most && words.iter().any(|word| is_owner(word))).then_some(Title { look, words })
}

/// A line as a heading: a few words, and signs before and behind them.
fn heading(line: &[u8]) -> Option<Title> {
    let line = line.trim_ascii();
    let first = line.iter().position(u8::is_ascii_alphanumeric).filter(|_| line.len() <= LONGEST)?;
    let end = line.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    let signs: Vec<u8> =
        [&line[..first], b".", &line[end..]].concat().into_iter().filter(|b| *b != b' ').collect();
    let look = signs.iter().all(|b| b"#*/;=-_`'\"[({:>~.".contains(b)).then_some(Look::Heading(signs))?;
    words_of(&line[first..end], MOST, look)
}

/// The words that a line, or a block in it, begins with, up to a sign. `name`: that of the value behind the line.
fn lead(line: &[u8], name: &str) -> Option<Title> {
    let opens = |b: &u8| b"{[(".contains(b);
    let mut pieces: Vec<&[u8]> = line.split_inclusive(|b| opens(b) || *b == b',').collect();
    let innermost = pieces.pop()?;
    let mut pieces: Vec<&[u8]> = pieces.into_iter().filter(|piece| piece.last().is_some_and(opens)).collect();
    pieces.push(innermost);
    let quoted = |line: &&[u8]| line.trim_ascii_start().first().is_some_and(|b| b"\"'{[(".contains(b));
    let whole = Some(line).filter(|line| !quoted(line));
    pieces.into_iter().rev().chain(whole).find_map(|piece| {
        let first = piece.iter().position(u8::is_ascii_alphanumeric)?;
        let ends = |at: usize| {
            b":=|(>".contains(&piece[at])
                || [&b" - "[..], " – ".as_bytes()].iter().any(|dash| piece[at..].starts_with(dash))
        };
        let sign = (first..piece.len().min(first + LONGEST)).find(|at| ends(*at))?;
        // A part of a program writes so to a log.
        let is_said = piece[sign..].iter().any(u8::is_ascii_alphanumeric);
        if is_said && piece[..first].trim_ascii().is_empty() {
            return None;
        }
        let end = piece[..sign].iter().rposition(u8::is_ascii_alphanumeric)? + 1;
        let signs = [&piece[..first], b".", &piece[end..=sign]].concat();
        let look = Look::Lead(signs.into_iter().filter(|b| !b" \t{[,(".contains(b)).collect());
        let title = words_of(&piece[first..end], 2, look).filter(|t| t.words.iter().all(|w| is_owner(w)))?;
        (!title.is_in(name)).then_some(title)
    })
}

/// The last field in a line that says whose an item is. `name`: that of a value, which says so of itself.
fn field(line: &[u8], name: &str) -> Option<Title> {
    let part = |b: &u8| b.is_ascii_alphanumeric() || b"-_.@/".contains(b);
    words(line).into_iter().rev().find_map(|word| {
        let alone = word.start.checked_sub(1).is_none_or(|before| !part(&line[before]));
        if !alone || !FIELDS.contains(&word.text.as_str()) {
            return None;
        }
        let rest = &line[word.end..];
        let sign = rest.iter().take(8).take_while(|b| b"\"'`:=> ".contains(b)).count();
        let (sign, rest) = rest.split_at(sign);
        let value = &rest[..rest.iter().take_while(|b| part(b)).count()];
        let ends = rest.get(value.len()).is_none_or(|b| b"\"'`<,;\r".contains(b));
        let told = ends && value.len() <= LONGEST && sign.iter().any(|b| b":=>".contains(b));
        words_of(value, 1, Look::Field(word.text)).filter(|title| told && !title.is_in(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        let at = text.find('@').unwrap();
        title(&text.as_bytes()[..at], "password").map(|title| title.words.join(" "))
    }

    #[test]
    fn owners_are_told() {
        for (text, owner) in [
            ("## Prod\n\n- Access key: @", "prod"),
            ("# keys for prod\nid=@", "keys for prod"),
            ("**Alice:**\nid: AKIA\nsecret: @", "alice"),
            ("prod\n----\nkey = @", "prod"),
            ("prod:\n  env:\n    - name: AWS_KEY\n      value: @", "prod"),
            ("- name: prod\n  id: x\n- name: qa\n  region: x\n  secret: @", "qa"),
            ("{\"accounts\": [{\"name\": \"a\", \"id\": \"x\"}, {\"name\": \"b\", \"secret\": \"@", "b"),
            ("{\"prod\": {\"id\": \"x\"}, \"qa\": {\"secret\": \"@", "qa"),
            ("<account>\n  <user>qa</user>\n  <id>@", "qa"),
            ("- **prod**: id @", "prod"),
            ("- qa (secret @", "qa"),
            ("## Prod\n\nid: x\n\nsecret: @", "prod"),
            ("account \"prod\" {\n  id = \"@", "account prod"),
        ] {
            assert_eq!(told(text).as_deref(), Some(owner), "{text}");
        }
    }

    #[test]
    fn names_of_values_are_no_owners() {
        for text in [
            "AWS_ACCESS_KEY_ID=@",
            "region: eu-west-1\nsecret: @",
            "password: @",
            "# Access key\nid = @",
            "- value: x\n  name: anna\n- value: @",
            "[09:12] bob: id @",
            "worker: id @",
            "{\"user\": \"bob\", \"text\": \"the secret is @",
            "1\n  prod:\n    a: b\nkey: @",
            "# prod\nAWS_KEY=x\n\nAWS_SECRET=@",
            "# old\n# AWS_KEY=x\nAWS_SECRET=@",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
