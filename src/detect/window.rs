//! The surroundings of anchors: decoded, searched for values, and paired.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::decode::unpack::Problem;
use crate::decode::{self, Carriers, View, is_base64_any};
use crate::finding::{Note, Secret, Severity};
use crate::rules::{Check, Part, Rule};

use super::alone::stands_alone;
use super::candidate::{self, Candidate, Class};
use super::glued::Strings;
use super::heads::Heads;
use super::label::{self, Clear, Label};
use super::pair::{self, Choice, IdAt, SecretAt};
use super::prefilter::{Anchor, Carrier, Literal, Prefilter};
use super::{Detector, Match, Value, transposed};

/// How far around an id its secret may stand, in bytes.
pub(crate) const REACH: usize = 16 << 10;
/// How far around a label without an id anything matters.
const LABEL_REACH: usize = 1 << 10;
/// How far a run of base64 or hexadecimal digits may reach beyond that.
const RUN_REACH: usize = 16 << 20;

/// A piece of a text that is decoded and searched as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Window {
    range: Range<usize>,
    carriers: Carriers,
    /// For UTF-16: an offset at which a character's low byte stands.
    utf16: Option<usize>,
    /// Some of it is UTF-32.
    utf32: bool,
    /// Some of it is a container in base64.
    packed: bool,
}

impl Window {
    /// Where it is.
    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The same window of a text that begins with it.
    pub(super) fn moved_to_start(&self) -> Self {
        let start = self.range.start;
        Self { range: 0..self.range.len(), utf16: self.utf16.map(|at| at - start), ..self.clone() }
    }
}

/// The windows of a text, in order. UTF-16 and other text are apart.
pub(super) fn windows(text: &[u8], anchors: &[Anchor], literals: &[Literal]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for wide in [false, true] {
        let mut open: Option<Window> = None;
        for anchor in anchors {
            let carrier = literals[usize::from(anchor.literal)].carrier;
            let is_wide = matches!(carrier, Carrier::Utf16 | Carrier::KeywordUtf16);
            if is_wide != wide {
                continue;
            }
            // Behind a label that speaks of a secret, what was encoded twice is worth a look.
            let nested = carrier == Carrier::Keyword && {
                let end = text.len().min(anchor.pos + Prefilter::REACH_AFTER);
                decode::has_nested(&text[anchor.pos..end])
            };
            let reach = match carrier {
                Carrier::Keyword if !nested => LABEL_REACH,
                Carrier::KeywordUtf16 => 2 * LABEL_REACH,
                Carrier::Utf16 => 2 * REACH,
                _ => REACH,
            };
            let mut range = anchor.pos.saturating_sub(reach)..text.len().min(anchor.pos + reach);
            match carrier {
                // Cut in the middle, a run would be decoded at the wrong alignment.
                Carrier::Base64 | Carrier::Base64Wide | Carrier::Hex | Carrier::Keyword
                    if (nested || carrier != Carrier::Keyword)
                        && open.as_ref().is_none_or(|w| w.range.end < range.start) =>
                {
                    range.start -= run_before(&text[..range.start]);
                }
                Carrier::Packed => {
                    range.start = anchor.pos.saturating_sub(PACKED_REACH);
                    // One inside another ends where that does.
                    let outer = open.as_ref().filter(|w| w.packed && w.range.end > anchor.pos);
                    range.end =
                        outer.map_or_else(|| anchor.pos + packed_len(&text[anchor.pos..]), |w| w.range.end);
                }
                _ => {}
            }
            let phase = is_wide.then_some(anchor.pos);
            let fits =
                |w: &Window| w.range.end >= range.start && w.utf16.map(|p| p % 2) == phase.map(|p| p % 2);
            let window = match &mut open {
                Some(window) if fits(window) => {
                    window.range.end = window.range.end.max(range.end);
                    window.range.start = window.range.start.min(range.start);
                    window
                }
                _ => {
                    windows.extend(open.take());
                    open.insert(Window { range, utf16: phase, ..Window::default() })
                }
            };
            window.carriers.base64 |=
                nested || matches!(carrier, Carrier::Base64 | Carrier::Base64Wide | Carrier::Packed);
            window.packed |= carrier == Carrier::Packed;
            window.utf32 |= carrier == Carrier::Utf32;
            window.carriers.bytes |= carrier == Carrier::Bytes;
            window.carriers.hex |= nested || carrier == Carrier::Hex;
        }
        windows.extend(open);
    }
    windows
}

/// What may stand before a container in base64 and belong to an escape of its first character, bytes.
const PACKED_REACH: usize = 16;

/// How many bytes at the end of `text` belong to a run of base64, at most [`RUN_REACH`].
fn run_before(text: &[u8]) -> usize {
    text.iter().rev().take(RUN_REACH).take_while(|b| is_base64_any(**b)).count()
}

/// Length of the base64 that `text` begins with, wrapped or with escapes in it, at most [`RUN_REACH`].
fn packed_len(text: &[u8]) -> usize {
    let class =
        |b: &&u8| is_base64_any(**b) || matches!(b, b'=' | b'\\' | b'%' | b' ' | b'\t' | b'\r' | b'\n');
    text.iter().take(RUN_REACH).take_while(class).count()
}

/// Everything found in a decoded window.
struct Found<'a> {
    view: &'a View,
    /// Ends of all values, sorted: no label reaches back over one.
    ends: Vec<usize>,
    heads: Heads<'a>,
    matches: &'a mut Vec<Match>,
}

impl Detector {
    /// Search a window, and up to `depth` layers of what is encoded in it.
    pub(super) fn window(
        &self,
        text: &[u8],
        window: &Window,
        depth: usize,
        matches: &mut Vec<Match>,
        problem: &mut dyn FnMut(Range<usize>, Problem),
    ) {
        let raw = &text[window.range.clone()];
        let view = match window.utf16 {
            Some(at) => View::utf16(raw, window.range.start, at - window.range.start),
            None => View::plain(raw, window.range.start),
        };
        let anchored = |decoded: &[u8]| self.prefilter.is_hot(decoded);
        let names = [&b"uoted-printable"[..], b"UOTED-PRINTABLE", b"uoted-Printable"];
        let quoted_printable = names.iter().any(|n| memchr::memmem::find(&view.text, n).is_some());
        let view = if window.utf32 { view.narrowed() } else { view };
        let view = view.unescaped(quoted_printable);
        let whole = if window.carriers.base64 { self.opaque(&view, matches) } else { Vec::new() };
        let from = matches.len();
        let (mut view, mut left, mut opened) = (view, depth, HashSet::new());
        loop {
            if window.packed {
                self.packed(&view, left, &mut opened, matches, problem);
            }
            if left == 0 {
                break;
            }
            left -= 1;
            match view.layer(window.carriers, &anchored) {
                Ok(inner) => view = inner,
                Err(same) => {
                    view = same;
                    break;
                }
            }
        }
        // The id in the clear, the secret encoded: a config map beside its secret, a program's own file of passwords.
        let is_clear = depth > 0 && window.carriers == Carriers::default();
        let view = if is_clear { view.secrets_decoded() } else { view };
        self.search(&view, matches);
        // what stands inside a credential is a part of it
        let inside = |s: Range<usize>| whole.iter().any(|w| w.start <= s.start && s.end <= w.end);
        let rest: Vec<Match> = matches.drain(from..).filter(|m| !inside(m.span())).collect();
        matches.extend(rest);
    }

    /// Find secrets with a prefix that are base64 themselves: decoded, nothing of them would be left. Their spans in
    /// the raw text.
    fn opaque(&self, view: &View, matches: &mut Vec<Match>) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let (_, prefixed) = self.prefixed(&view.text);
        let mut found = Found::new(view, Vec::new(), matches);
        for (index, rule) in self.rules.rules.iter().enumerate().filter(|(_, r)| r.id_part.is_none()) {
            for secret in &prefixed[index] {
                spans.push(view.raw(secret.span.clone()));
                found.secret_alone(index, rule, secret);
            }
        }
        spans
    }

    fn search(&self, view: &View, matches: &mut Vec<Match>) {
        let text = view.text.as_slice();
        let (ids, prefixed) = self.prefixed(text);
        let unprefixed: Vec<Vec<Candidate>> = self
            .rules
            .rules
            .iter()
            .map(|r| match &r.secret {
                Some(part) if part.prefixes.is_empty() => candidate::all(text, part),
                _ => Vec::new(),
            })
            .collect();
        let mut ends: Vec<usize> =
            ids.iter().chain(&prefixed).chain(&unprefixed).flatten().map(|c| c.span.end).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut found = Found::new(view, ends, matches);
        let (mut paired_ids, mut paired_secrets) = (HashSet::new(), HashSet::new());
        let mut lone: Vec<(usize, &Candidate)> = Vec::new();
        // A user of a mail server has a password, which tells by itself that it is one, and no other secret.
        let is_login =
            |rule: &Rule| rule.secret.as_ref().is_some_and(|p| p.check == Some(Check::AwsSesPassword));
        let mut logins = HashSet::new();
        let mut order: Vec<(usize, &Rule)> = self.rules.rules.iter().enumerate().collect();
        order.sort_by_key(|(_, rule)| !is_login(rule));
        for (index, rule) in order {
            let (Some(_), Some(part)) = (&rule.id_part, &rule.secret) else {
                for secret in &prefixed[index] {
                    found.secret_alone(index, rule, secret);
                }
                continue;
            };
            let has_prefix = !part.prefixes.is_empty();
            let secrets = if has_prefix { &prefixed[index] } else { &unprefixed[index] };
            let mut secrets_at = found.secrets(secrets, part);
            let mut ids_at = found.ids(&ids[index], secrets_at.iter().any(|s| s.row.is_some()));
            for i in transposed::below_owners(&mut found.heads, &ids_at, &secrets_at) {
                secrets_at[i].label = found.label(&secrets_at[i].candidate, part);
                secrets_at[i].row = None;
            }
            ids_at.retain(|id| !logins.contains(&id.candidate.span));
            let choices = pair::pair(text, &ids_at, &secrets_at, part);
            let tokens = found.tokens(rule, &ids_at);
            let mut taken = vec![false; secrets_at.len()];
            for ((id, choice), token) in ids_at.iter().zip(choices).zip(tokens) {
                // Somebody has made the id unreadable, and not the secret.
                let is_left = |secret: &usize| {
                    let secret = &secrets_at[*secret];
                    is_masked(&text[id.candidate.span.clone()])
                        && secret.candidate.class.real
                        && secret.label.clear == Clear::Own
                };
                match choice.secret.filter(|secret| !is_left(secret)) {
                    Some(secret) => {
                        taken[secret] = true;
                        if is_login(rule) && id.name.login {
                            logins.insert(id.candidate.span.clone());
                        }
                        paired_ids.insert(id.candidate.span.clone());
                        paired_secrets.insert(secrets_at[secret].candidate.span.clone());
                        found.pair(index, rule, id, &secrets_at, &choice, token);
                    }
                    None if rule.severity_alone.is_some() => {
                        lone.push((index, &ids[index][position(&ids[index], id)]));
                    }
                    None => {}
                }
            }
            for (secret, _) in secrets_at.iter().zip(taken).filter(|(_, taken)| !taken) {
                if has_prefix || stands_alone(text, part, secret) {
                    paired_secrets.insert(secret.candidate.span.clone());
                    found.secret_alone(index, rule, &secret.candidate);
                }
            }
        }
        for (index, id) in lone {
            if !paired_ids.contains(&id.span) {
                found.id_alone(index, &self.rules.rules[index], id);
            }
        }
        for (index, rule) in self.rules.rules.iter().enumerate() {
            let Some(part) = rule.secret.as_ref().filter(|_| rule.id_part.is_none()) else { continue };
            for secret in found.secrets(&unprefixed[index], part) {
                if stands_alone(text, part, &secret) && !paired_secrets.contains(&secret.candidate.span) {
                    found.secret_alone(index, rule, &secret.candidate);
                }
            }
        }
    }

    /// Ids, and secrets with a prefix, of each rule, in order.
    fn prefixed(&self, text: &[u8]) -> (Vec<Vec<Candidate>>, Vec<Vec<Candidate>>) {
        let rules = &self.rules.rules;
        let (mut ids, mut secrets) = (vec![Vec::new(); rules.len()], vec![Vec::new(); rules.len()]);
        let (mut anchors, strings) = (Vec::new(), Strings::of(text));
        self.prefilter.anchors(text, &mut anchors);
        for anchor in anchors {
            let literal = &self.prefilter.literals()[usize::from(anchor.literal)];
            if literal.carrier != Carrier::Plain {
                continue;
            }
            for part_ref in &literal.parts {
                let index = usize::from(part_ref.rule);
                let (part, list) = if part_ref.secret {
                    (&rules[index].secret, &mut secrets[index])
                } else {
                    (&rules[index].id_part, &mut ids[index])
                };
                if let Some(part) = part
                    && let Some(found) = candidate::at(text, anchor.pos, part, &strings)
                {
                    list.push(found);
                }
            }
        }
        (ids, secrets)
    }
}

/// Whether an id shows nothing of itself, or not its end: `AKIAXXXXXXXXXXXXXXXX`.
fn is_masked(id: &[u8]) -> bool {
    const PREFIX: usize = 4;
    id.len() > PREFIX + 1 && (id.ends_with(b"XXXX") || id[PREFIX..].iter().all(|b| *b == id[PREFIX]))
}

/// The index of an id's candidate.
fn position(ids: &[Candidate], id: &IdAt) -> usize {
    ids.partition_point(|c| c.span.start < id.candidate.span.start)
}

impl<'a> Found<'a> {
    fn new(view: &'a View, ends: Vec<usize>, matches: &'a mut Vec<Match>) -> Self {
        Self { view, ends, heads: Heads::new(&view.text), matches }
    }

    /// The end of the last value before `start`.
    fn floor(&self, start: usize) -> usize {
        match self.ends.partition_point(|&e| e <= start) {
            0 => 0,
            n => self.ends[n - 1],
        }
    }

    /// `in_tables`: there are tables with columns of secrets.
    fn ids(&mut self, ids: &[Candidate], in_tables: bool) -> Vec<IdAt> {
        let text = &self.view.text;
        let mut all = Vec::new();
        for c in ids {
            let name = label::of_id(text, self.floor(c.span.start), c.span.clone());
            let row = if in_tables { self.heads.of(&c.span).map(|head| head.row) } else { None };
            all.push(IdAt { candidate: c.clone(), name, row });
        }
        all
    }

    fn secrets(&mut self, secrets: &[Candidate], part: &Part) -> Vec<SecretAt> {
        let mut all = Vec::new();
        let mut columns: HashMap<(usize, usize), Option<Label>> = HashMap::new();
        for c in secrets {
            let (label, row) = match self.heads.of(&c.span) {
                Some(head) => {
                    let column = columns.entry((head.row.table, head.column));
                    (column.or_insert_with(|| label::in_column(&head, part)).clone(), Some(head.row))
                }
                None => (None, None),
            };
            let row = row.filter(|_| label.is_some());
            let label = label.unwrap_or_else(|| self.label(c, part));
            all.push(SecretAt { candidate: c.clone(), label, row });
        }
        all
    }

    fn label(&self, candidate: &Candidate, part: &Part) -> Label {
        label::read(&self.view.text, self.floor(candidate.span.start), candidate.span.clone(), part)
    }

    /// For each id the token that belongs to it: the nearest that no other id is nearer to.
    fn tokens(&self, rule: &Rule, ids: &[IdAt]) -> Vec<Option<Candidate>> {
        let none = vec![None; ids.len()];
        let Some(part) = rule.token.as_ref().filter(|_| !ids.is_empty()) else { return none };
        let text = &self.view.text;
        let (mut tokens, strings) = (Vec::new(), Strings::of(text));
        for prefix in &part.prefixes {
            for at in memchr::memmem::find_iter(text, prefix.as_bytes()) {
                tokens.extend(candidate::at(text, at, part, &strings));
            }
        }
        tokens.sort_by_key(|t| t.span.start);
        tokens.dedup_by_key(|t| t.span.start);
        let secrets: Vec<SecretAt> = tokens
            .into_iter()
            .map(|candidate| SecretAt { label: self.label_of_token(&candidate, part), candidate, row: None })
            .collect();
        pair::pair(text, ids, &secrets, part)
            .into_iter()
            .map(|choice| choice.secret.map(|s| secrets[s].candidate.clone()))
            .collect()
    }

    fn label_of_token(&self, token: &Candidate, part: &Part) -> Label {
        let span = token.span.clone();
        Label::of_token(label::read(&self.view.text, self.floor(span.start), span, part))
    }

    fn value(&self, candidate: &Candidate) -> Value {
        let span = candidate.span.clone();
        Value {
            text: Secret::new(String::from_utf8_lossy(&self.view.text[span.clone()])),
            span: self.view.raw(span.clone()),
            encodings: self.view.encodings(span),
        }
    }

    fn pair(
        &mut self,
        index: usize,
        rule: &Rule,
        id: &IdAt,
        secrets: &[SecretAt],
        choice: &Choice,
        token: Option<Candidate>,
    ) {
        let Some(secret) = choice.secret.map(|s| &secrets[s].candidate) else { return };
        let severity = severity(&[&id.candidate.class, &secret.class], rule.severity);
        let mut notes = id.candidate.class.notes.clone();
        notes.extend(secret.class.notes.iter().filter(|n| !id.candidate.class.notes.contains(n)));
        self.matches.push(Match {
            rule: index,
            severity,
            id: Some(self.value(&id.candidate)),
            secret: Some(self.value(secret)),
            token: token.map(|t| self.value(&t)),
            account: id.candidate.class.account.clone(),
            notes,
            runners_up: choice.runners_up.iter().map(|&s| self.value(&secrets[s].candidate).text).collect(),
            repeats: Vec::new(),
            member: None,
        });
    }

    fn id_alone(&mut self, index: usize, rule: &Rule, id: &Candidate) {
        let Some(alone) = rule.severity_alone else { return };
        let severity = if id.class.real { alone } else { Severity::Info };
        self.push(index, severity, Some(id), None);
    }

    fn secret_alone(&mut self, index: usize, rule: &Rule, secret: &Candidate) {
        self.push(index, severity(&[&secret.class], rule.severity), None, Some(secret));
    }

    fn push(&mut self, rule: usize, severity: Severity, id: Option<&Candidate>, secret: Option<&Candidate>) {
        let class = id.or(secret).map(|c| c.class.clone()).unwrap_or_default();
        self.matches.push(Match {
            rule,
            severity,
            id: id.map(|c| self.value(c)),
            secret: secret.map(|c| self.value(c)),
            token: None,
            account: class.account,
            notes: class.notes,
            runners_up: Vec::new(),
            repeats: Vec::new(),
            member: None,
        });
    }
}

/// The severity of values together: nothing if one is no real value, `medium` at most if one is in doubt.
fn severity(classes: &[&Class], rule: Severity) -> Severity {
    let harmless = |c: &&Class| !c.real && !c.doubtful || c.notes.contains(&Note::Canary);
    if classes.iter().any(harmless) {
        Severity::Info
    } else if classes.iter().any(|c| c.doubtful) {
        rule.min(Severity::Medium)
    } else {
        rule
    }
}
