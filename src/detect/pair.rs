//! Which secret belongs to which id: the cost of each possible pair, from the names, the layout and the distance.
//!
//! The costs are judgements, tuned on the cases in `fixtures/cases`; what matters is their order. From cheap to dear:
//! touching values (`ID:SECRET`), a named secret near by, a named secret far away in the same block, an unnamed
//! neighbour on the same line. A section header is never crossed.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::Range;

use super::assign::{Edge, UNPAIRED};
use super::candidate::Candidate;
use super::columns::{Columns, Line};
use super::cost::{
    affix_cost, are_of_two, gap_cost, is_closer, is_in_other_url, is_of_recaptcha, is_of_unknown, is_scope,
    name_cost, rank_cost,
};
use super::halves;
use super::heads::Row;
use super::label::{Clear, IdName, Label, Says};
use super::names::{affix, is_branded, words};
use super::owners::Owners;
use super::rivals::{are_one, clearest_first, known_elsewhere, left_over, real_first};
use super::rows::Rows;
use super::section::Blocks;
use super::structure::{Gap, indent, is_comment, is_taken_out, section};
use super::vacant::Vacant;
use crate::rules::{Check, Part};

/// An id and what its surroundings say.
#[derive(Clone)]
pub(super) struct IdAt {
    pub(super) candidate: Candidate,
    pub(super) name: IdName,
    /// The row of a table with a head that it stands in.
    pub(super) row: Option<Row>,
}

/// A secret and what its surroundings say.
#[derive(Clone)]
pub(super) struct SecretAt {
    pub(super) candidate: Candidate,
    pub(super) label: Label,
    /// The row that it stands in, of a table whose head says what its label does.
    pub(super) row: Option<Row>,
}

/// The secrets of an id: the one assigned, and the others that could be meant, cheapest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) secret: Option<usize>,
    pub(super) runners_up: Vec<usize>,
}

/// A pair costs at least this, so that bonuses have something to be taken from.
const BASE: i64 = 20;

/// What it costs that a secret is by its name or place another's: nearly all that a pair may.
pub(super) const OTHERS: i64 = 90;

/// Pair `ids` and `secrets` of `text`, both in order of position. The secrets are those of `part`.
pub(super) fn pair(text: &[u8], ids: &[IdAt], secrets: &[SecretAt], part: &Part) -> Vec<Choice> {
    if ids.is_empty() || secrets.is_empty() {
        return vec![Choice::default(); ids.len()];
    }
    let layout = Layout::new(text, ids, secrets, part);
    let mut edges = Vec::new();
    for id in 0..ids.len() {
        edges.extend(layout.edges(id, part.within_lines));
    }
    let is_closer = |one: &Edge, other: &Edge| layout.is_closer(one, other);
    clearest_first(secrets, &|e| layout.are_in_one_paragraph(e), &is_closer, &mut edges);
    edges.retain(|e| e.cost < UNPAIRED);
    let pairs = real_first(ids, secrets, &edges);
    let pairs = match known_elsewhere(text, ids, secrets, &edges, &pairs) {
        Some(fewer) => real_first(ids, secrets, &fewer),
        None => pairs,
    };
    let mut choices: Vec<Choice> =
        pairs.into_iter().map(|secret| Choice { secret, runners_up: Vec::new() }).collect();
    edges.sort_by_key(|e| (e.id, e.cost, e.secret));
    for e in edges {
        if choices[e.id].secret != Some(e.secret) && choices[e.id].runners_up.len() < 4 {
            choices[e.id].runners_up.push(e.secret);
        }
    }
    left_over(text, ids, secrets, part, &|id, secret| layout.owners.part(id, secret, true), &mut choices);
    choices
}

/// Ids and secrets in one order, with what lies between neighbours.
struct Layout<'a> {
    text: &'a [u8],
    ids: &'a [IdAt],
    secrets: &'a [SecretAt],
    /// They are session tokens.
    of_tokens: bool,
    /// There is one id, and one secret with a name.
    only: bool,
    order: Vec<Slot>,
    /// `gaps[i]` lies between `order[i]` and `order[i + 1]`.
    gaps: Vec<Gap>,
    /// The place of each id in `order`, and of each secret.
    id_rank: Vec<usize>,
    secret_rank: Vec<usize>,
    /// How many blank lines and headings stand before each value of `order`.
    paragraphs: Vec<u32>,
    columns: Columns,
    owners: Owners,
    /// The tables that they stand in.
    rows: Rows,
    /// The rows of tables with heads that have ids.
    filled: HashSet<Row>,
    /// For each id the name of its secret, if that is kept elsewhere.
    vacant: Vec<Option<Vacant>>,
    /// Whether each id and each secret stands in a comment.
    commented: (Vec<bool>, Vec<bool>),
    /// The blocks around each id and each secret, once they are needed.
    blocks: (Vec<OnceCell<Blocks>>, Vec<OnceCell<Blocks>>),
}

/// What lies between an id and a secret: ids, secrets with names, others.
#[derive(Clone, Copy, Default)]
struct Between {
    named: i64,
    unnamed: i64,
}

/// A value by its index among those of its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Id(usize),
    Secret(usize),
}

impl<'a> Layout<'a> {
    fn new(text: &'a [u8], ids: &'a [IdAt], secrets: &'a [SecretAt], part: &Part) -> Self {
        let mut order: Vec<Slot> =
            (0..ids.len()).map(Slot::Id).chain((0..secrets.len()).map(Slot::Secret)).collect();
        let span = |s: &Slot| match *s {
            Slot::Id(i) => ids[i].candidate.span.clone(),
            Slot::Secret(i) => secrets[i].candidate.span.clone(),
        };
        order.sort_by_key(|s| span(s).start);
        let spans: Vec<Range<usize>> = order.iter().map(span).collect();
        let between = |w: &[Range<usize>]| Gap::of(text.get(w[0].end..w[1].start).unwrap_or_default());
        let gaps: Vec<Gap> = spans.windows(2).map(between).collect();
        let (mut id_rank, mut secret_rank) = (vec![0; ids.len()], vec![0; secrets.len()]);
        for (rank, slot) in order.iter().enumerate() {
            match slot {
                Slot::Id(i) => id_rank[*i] = rank,
                Slot::Secret(i) => secret_rank[*i] = rank,
            }
        }
        let before = gaps.iter().scan(0, |sum, gap: &Gap| {
            *sum += gap.blanks + gap.headings;
            Some(*sum)
        });
        let paragraphs = std::iter::once(0).chain(before).collect();
        let commented = |c: &Candidate| is_comment(text, c.span.start);
        let commented: (Vec<bool>, Vec<bool>) = (
            ids.iter().map(|id| commented(&id.candidate)).collect(),
            secrets.iter().map(|secret| commented(&secret.candidate)).collect(),
        );
        let possible = |id: usize, secret: usize| {
            can_belong(&ids[id].candidate, &secrets[secret].candidate)
                && commented.0[id] == commented.1[secret]
        };
        let line = Line { text, order: &order, spans: &spans, gaps: &gaps };
        let named = |secret: usize| {
            let label = &secrets[secret].label;
            (!label.name.is_empty()).then_some(label.says == Says::Yes)
        };
        let at_odds = |id: usize, secret: usize| {
            let (id, secret) = (&ids[id].name, &secrets[secret].label);
            id.purposes.is_some() && secret.says == Says::Yes && id.affix != secret.affix
        };
        let mut columns = line.columns(ids.len(), secrets.len(), &possible, &named, &at_odds);
        // a column without any name must at least be near
        let named = |s: &SecretAt| matches!(s.label.says, Says::Yes | Says::Maybe);
        if !secrets.iter().any(named) && gaps.iter().any(|g| g.lines > 6) {
            columns.partner.fill(None);
        }
        let owners = Owners::new(text, ids, secrets, &order);
        owners.join(&mut columns, &possible);
        halves::join(text, ids, secrets, &order, &gaps, &possible, &mut columns);
        let vacant = |(id, &rank): (&IdAt, &usize)| {
            // What stands behind an id is of interest where its secret does not stand right before.
            let precedes = rank.checked_sub(1).is_some_and(|before| match order[before] {
                Slot::Secret(s) => {
                    let free = before.checked_sub(1).is_none_or(|other| {
                        matches!(order[other], Slot::Secret(_)) || gaps[other].is_wider(&gaps[before])
                    });
                    free && Vacant::is_filled(id, &secrets[s].label) && !gaps[before].header
                }
                Slot::Id(_) => false,
            });
            let next = spans.get(rank + 1).map_or(text.len(), |next| next.start);
            let to = if precedes { id.candidate.span.end } else { next };
            let follows = match order.get(rank + 1) {
                Some(Slot::Secret(s)) if !gaps[rank].header => Some(&secrets[*s].label),
                _ => None,
            };
            let before = rank.checked_sub(1).map(|before| (order[before], spans[before].end));
            let from = match before {
                // What stands before an id is of interest where its secret does not follow, and is it not that of another.
                _ if follows.is_some_and(|label| Vacant::is_filled(id, label)) => id.candidate.span.start,
                Some((Slot::Id(_), _)) => id.candidate.span.start,
                Some((Slot::Secret(_), end)) => end,
                None => 0,
            };
            let vacant = Vacant::beside(text, id, from..to).filter(|_| part.check == Some(Check::AwsSecret));
            vacant.filter(|v| !follows.is_some_and(|label| v.is_filled_later(label)))
        };
        let vacant = ids.iter().zip(&id_rank).map(vacant).collect();
        let rows = Rows::among(text, ids, secrets, &order, &gaps);
        let blocks = (vec![OnceCell::new(); ids.len()], vec![OnceCell::new(); secrets.len()]);
        let of_tokens = part.check == Some(Check::AwsSessionToken);
        let only = are_one(text, ids.iter().map(|id| &id.candidate))
            && are_one(text, secrets.iter().filter(|s| s.label.is_named()).map(|s| &s.candidate));
        Self {
            text,
            ids,
            secrets,
            of_tokens,
            only,
            order,
            gaps,
            id_rank,
            secret_rank,
            paragraphs,
            columns,
            owners,
            rows,
            filled: ids.iter().filter_map(|id| id.row).collect(),
            vacant,
            commented,
            blocks,
        }
    }

    /// The possible pairs of one id.
    fn edges(&self, id: usize, within_lines: u32) -> Vec<Edge> {
        // In a huge list the neighbours are enough, and all pairs would be too many.
        let reach = if self.order.len() > 4000 { 6 } else { 64 };
        let mut edges = Vec::new();
        let rank = self.id_rank[id];
        let behind = (rank + 1..self.order.len()).map(|other| (other, other - 1));
        let before = (0..rank).rev().map(|other| (other, other));
        self.edges_along(id, behind.take(reach), within_lines, &mut edges);
        self.edges_along(id, before.take(reach), within_lines, &mut edges);
        edges
    }

    /// The possible pairs of one id on one side of it. `others`: each place in the order there, and that of the gap before it.
    fn edges_along(
        &self,
        id: usize,
        others: impl Iterator<Item = (usize, usize)>,
        within_lines: u32,
        edges: &mut Vec<Edge>,
    ) {
        let mut gap = Gap::default();
        let mut between = Between::default();
        for (other, gap_before) in others {
            let next = self.gaps[gap_before];
            gap = if gap_before < other { gap.and(next) } else { next.and(gap) };
            if gap.header && !self.only || gap.lines > within_lines {
                break;
            }
            match self.order[other] {
                Slot::Secret(secret) => {
                    self.edge(id, secret, gap, between, edges);
                    between.unnamed += i64::from(!self.secrets[secret].label.is_named());
                    between.named += i64::from(self.secrets[secret].label.is_named());
                }
                Slot::Id(_) => between.named += 1,
            }
        }
    }

    /// Whether no blank line and no heading lies between an id and a secret.
    fn are_in_one_paragraph(&self, e: &Edge) -> bool {
        self.paragraphs[self.id_rank[e.id]] == self.paragraphs[self.secret_rank[e.secret]]
    }

    /// Whether a `secret` stands in one call or block with its id, and the `SECRET_KEY` of a program does not.
    fn is_closer(&self, one: &Edge, other: &Edge) -> bool {
        let [one, other] = [one, other].map(|e| (&self.secrets[e.secret], &self.ids[e.id].candidate.span));
        (one.0.label.clear, other.0.label.clear) == (Clear::General, Clear::Key)
            && is_closer(self.text, one.1, &one.0.candidate.span, &other.0.candidate.span)
    }

    fn edge(&self, id: usize, secret: usize, gap: Gap, between: Between, edges: &mut Vec<Edge>) {
        let (a, b) = (&self.ids[id].candidate, &self.secrets[secret].candidate);
        if !can_belong(a, b)
            || gap.lines > 0 && self.rows.part(id, secret)
            || self.owners.part(id, secret, gap.blanks > 0)
            || self.are_of_two_rows(id, secret)
            || gap.header && self.are_of_two_sections(id, secret)
        {
            return;
        }
        // A named secret is told from others without a name, however many they are.
        let named = self.secrets[secret].label.says == Says::Yes;
        let step = 1 + between.named + if named { 0 } else { between.unnamed };
        let cost = self.cost(id, secret, gap, step);
        if cost < i64::from(UNPAIRED) {
            edges.push(Edge { id, secret, cost: cost.max(0).unsigned_abs() as u32 });
        }
    }

    /// Whether the secret stands in a column of secrets, and the id in another row of the table, or elsewhere where the row has one.
    fn are_of_two_rows(&self, id: usize, secret: usize) -> bool {
        let (a, b) = (&self.ids[id], &self.secrets[secret]);
        let Some(row) = b.row.filter(|row| b.label.says == Says::Yes && a.row != Some(*row)) else {
            return false;
        };
        a.row.is_some_and(|own| own.table == row.table) || self.filled.contains(&row)
    }

    /// Whether the names of the sections around them, or what little the secret's own name says, part an id and a secret that are the
    /// only ones.
    fn are_of_two_sections(&self, id: usize, secret: usize) -> bool {
        let (a, b) = (&self.ids[id].candidate, &self.secrets[secret]);
        let (of_id, of_secret) =
            (words(section(self.text, a.span.start)), words(section(self.text, b.candidate.span.start)));
        let clear = match b.label.clear {
            Clear::Own => true,
            Clear::Key => is_branded(&of_secret),
            Clear::General => false,
        };
        !(self.of_tokens || b.label.says == Says::Yes && clear) || affix(&of_id) != affix(&of_secret)
    }

    /// How unlikely it is that a secret is that of an id: from [`UNPAIRED`] on they do not belong together.
    fn cost(&self, id: usize, secret: usize, gap: Gap, step: i64) -> i64 {
        let (a, b) = (&self.ids[id], &self.secrets[secret]);
        let (first, last) = if a.candidate.span.start < b.candidate.span.start {
            (&a.candidate.span, &b.candidate.span)
        } else {
            (&b.candidate.span, &a.candidate.span)
        };
        let between = self.text.get(first.end..last.start).unwrap_or_default();
        let of_two = are_of_two(between);
        let touching = between.len() <= 8 && !of_two && !between.iter().any(u8::is_ascii_alphanumeric);
        let partner = self.columns.partner[id] == Some(secret);
        let named = match b.label.says {
            Says::No if !touching || b.row.is_some() => return i64::from(UNPAIRED),
            // Who signs a request sends the id, never the secret.
            says if says != Says::Yes && !touching && is_scope(self.text, &a.candidate.span) => {
                return i64::from(UNPAIRED);
            }
            // Those of reCAPTCHA, and what a URL has of its own.
            says if says != Says::Yes
                && !touching
                && is_of_recaptcha(&self.text[b.candidate.span.clone()]) =>
            {
                return i64::from(UNPAIRED);
            }
            _ if !touching && is_in_other_url(self.text, &b.candidate.span, &a.candidate.span) => {
                return i64::from(UNPAIRED);
            }
            says => name_cost(says, touching, partner, gap),
        };
        // How a table is written says nothing of what is in one row.
        let one_row = b.label.says == Says::Yes && b.row.is_some() && a.row == b.row;
        let layout = if one_row { 0 } else { gap_cost(gap) + self.indent_cost(gap, first.start, last.start) };
        let mut cost = BASE + named + layout;
        if b.candidate.soft {
            cost += 20;
        }
        if b.candidate.class.wordy && matches!(b.label.says, Says::Nothing | Says::Other) && !touching {
            cost += 20;
        }
        let owned = self.columns.owner[secret] == Some(id) || touching && between.len() < 4;
        cost += self.column_cost(id, secret, step) + affix_cost(a, &b.label, owned || partner, gap);
        let bare = a.name.affix.is_empty() && b.label.affix.is_empty();
        if b.label.says == Says::Yes && bare && !partner {
            // Many things have a password: that of a key is near.
            cost += i64::from(gap.lines.saturating_sub(12)) * [2, 1, 0][b.label.clear as usize] / 6;
        }
        if gap.lines == 0 && of_two {
            // `Var(name="…_ID", value="…"), Var(name="…_SECRET", value="…")`: what has a name needs no list of its own
            cost += if b.label.says == Says::Yes { 4 } else { 14 };
        }
        // Only a session has a token, and a key of its own.
        if self.of_tokens && self.text[a.candidate.span.clone()].starts_with(b"AKIA") {
            cost += 30;
        }
        if let Some(vacant) = &self.vacant[id]
            && !(touching || partner || vacant.may_mean(&b.label))
        {
            cost += if vacant.may_be_beside(&b.label) { 40 } else { OTHERS }; // its own is kept elsewhere
        }
        let meant = self.vacant[id].as_ref().is_some_and(|vacant| vacant.may_mean(&b.label));
        let one_block = gap.closed == 0 && gap.opened == 0;
        if one_block && !(meant || partner) && is_of_unknown(a, &b.label) {
            cost += OTHERS;
        }
        let apart = !one_row && (gap.lines > 0 || gap.opened > 0);
        if apart
            && cost < i64::from(UNPAIRED)
            && !(meant || partner)
            && self.are_of_two_blocks(id, secret, gap)
        {
            cost += OTHERS;
        }
        // Of the two sides of a diff what goes together.
        let taken_out = |c: &Candidate| is_taken_out(self.text, c.span.start);
        if gap.lines > 0 && taken_out(&a.candidate) != taken_out(&b.candidate) {
            cost += 6;
        }
        // What was commented out is another pair than what is in force.
        if self.commented.0[id] != self.commented.1[secret] {
            cost += 12;
        }
        if b.candidate.span.start < a.candidate.span.start {
            cost += 2; // most people write the id first
        }
        cost
    }

    /// What it costs that something between two values is indented less than they are.
    fn indent_cost(&self, gap: Gap, first: usize, last: usize) -> i64 {
        // Out of an item of a list it is two, out of what holds the list more.
        const ITEM: u32 = 2;
        let Some(min) = gap.min_indent else { return 0 };
        let (first, last) = (indent(self.text, first), indent(self.text, last));
        match (first > min, last > min) {
            (true, true) if first.min(last) > min + ITEM + 1 => 22,
            (true, true) => 14,
            (false, false) => 0,
            _ => 3,
        }
    }

    /// What the columns say of a pair, and the values that lie between.
    fn column_cost(&self, id: usize, secret: usize, step: i64) -> i64 {
        let of_id = match self.columns.partner[id] {
            Some(partner) if partner == secret => 0,
            Some(_) => 12 + rank_cost(step),
            None => rank_cost(step),
        };
        let of_secret = match self.columns.owner[secret] {
            Some(owner) if owner == id => -20,
            Some(_) => 40,
            None => 0,
        };
        of_id + of_secret
    }
}

impl Layout<'_> {
    /// Whether the blocks around them part an id and a secret.
    fn are_of_two_blocks(&self, id: usize, secret: usize, gap: Gap) -> bool {
        let (a, b) = (&self.ids[id], &self.secrets[secret]);
        let of = || self.around(&self.blocks.0[id], &a.candidate);
        let of_secret = || self.around(&self.blocks.1[secret], &b.candidate);
        if !b.label.own {
            return of_secret().are_of_others(of());
        }
        // What tells by its name alone that it is AWS's is found without an id too.
        let named = a.name.purposes.is_some() && b.label.clear == Clear::Own;
        let left = gap.closed > 0 || gap.min_indent.is_some();
        named && left && of_secret().are_of_two_owners(of())
    }

    /// The blocks around a value, found when they are first needed. Those that begin many values before are not of interest.
    fn around<'s>(&'s self, known: &'s OnceCell<Blocks>, value: &Candidate) -> &'s Blocks {
        const VALUES: usize = 8;
        let span = |s: &Slot| match *s {
            Slot::Id(i) => &self.ids[i].candidate.span,
            Slot::Secret(i) => &self.secrets[i].candidate.span,
        };
        known.get_or_init(|| {
            let at = value.span.start;
            let rank = self.order.partition_point(|s| span(s).start < at);
            let floor = rank.checked_sub(VALUES).map_or(0, |before| span(&self.order[before]).end);
            Blocks::around(self.text, floor.min(at), at)
        })
    }
}

/// Whether a secret can be that of an id: one of the documentation is no real id's.
fn can_belong(id: &Candidate, secret: &Candidate) -> bool {
    !id.class.real || secret.class.real
}
