//! Where the name of a value is: mostly before it, sometimes behind.

use std::borrow::Cow;
use std::ops::Range;

/// The longest name behind a value, in bytes.
const LONGEST: usize = 120;
/// How far before a value its name may begin, in bytes.
const REACH: usize = 160;

/// What names the value at `span`: the text before it, or the name that stands behind it.
pub(super) fn naming(text: &[u8], floor: usize, span: Range<usize>) -> Cow<'_, [u8]> {
    let before = surroundings(text, floor, span.start);
    let behind = &text[span.end..];
    let name = in_property_list(&before)
        .or_else(|| pickled(&before))
        .or_else(|| written_to(&before, behind))
        .or_else(|| stored_as(text, &span))
        .or_else(|| updated_where(behind))
        .or_else(|| name_behind(&before, behind));
    match name {
        Some(name) => Cow::Owned([name, b" = "].concat()),
        None => before,
    }
}

/// The name of a value of a property list, whose tags say nothing: `<key>NAME</key><string>VALUE</string>`.
fn in_property_list(before: &[u8]) -> Option<&[u8]> {
    let name = before.trim_ascii_end().strip_suffix(b"<string>")?.trim_ascii_end().strip_suffix(b"</key>")?;
    let (before, own) = name.split_at(memchr::memrchr(b'>', name)? + 1);
    // `<key>name</key><string>NAME</string><key>value</key><string>VALUE</string>`
    let named = || {
        let before = before.strip_suffix(b"<key>")?.trim_ascii_end().strip_suffix(b"</string>")?;
        let (before, name) = before.split_at(memchr::memrchr(b'>', before)? + 1);
        let key = before.strip_suffix(b"<string>")?.trim_ascii_end().strip_suffix(b"</key>")?;
        (key.ends_with(b">name") || key.ends_with(b">key")).then_some(name)
    };
    let own = if own.eq_ignore_ascii_case(b"value") { named().unwrap_or(own) } else { own };
    Some(own).filter(|name| name.len() <= LONGEST)
}

/// The name of a value in a pickle of Python 2 or early 3: `X`, four bytes of length, the name, `q` and its number, `X` and the length of
/// the value. Read as a text, the name would end in `q`.
fn pickled(before: &[u8]) -> Option<&[u8]> {
    let [rest @ .., b'q', _, b'X', _, 0, 0, 0] = before else { return None };
    let part = |b: &&u8| b.is_ascii_alphanumeric() || b"_-. ".contains(b);
    let len = rest.iter().rev().take(LONGEST).take_while(part).count();
    let (head, name) = rest.split_at(rest.len() - len);
    matches!(head, [.., b'X', own, 0, 0, 0] if usize::from(*own) == len && len > 0).then_some(name)
}

/// The name of a value that stands behind it: `<value>…</value><name>NAME</name>`, `{"value": "…", "name": "NAME"`,
/// `<input value="…" name="NAME">`.
fn name_behind<'a>(before: &[u8], behind: &'a [u8]) -> Option<&'a [u8]> {
    // `text` without the tokens at its start, between which there may be blanks
    let skip = |text: &'a [u8], tokens: &[&[u8]]| {
        tokens.iter().try_fold(text, |text, token| text.trim_ascii_start().strip_prefix(*token))
    };
    let without = |tokens: &[&[u8]]| {
        let end = |text, token: &&[u8]| <[u8]>::trim_ascii_end(text).strip_suffix(*token);
        tokens.iter().rev().try_fold(before, end)
    };
    let ends = |tokens: &[&[u8]]| without(tokens).is_some();
    let (rest, stop) = if let Some(rest) = skip(behind, &[b"</value>", b"<name>"]) {
        (ends(&[b"<value>"]) && !ends(&[b"</name>", b"<value>"])).then_some((rest, b'<'))
    } else if let Some(rest) = skip(behind, &[b"\"", b",", b"\""]) {
        let rest = key(rest, &[b"name", b"key"])?;
        let key = without(&[b"\"", b":", b"\""])?;
        let (opens, name) = key.split_at(memchr::memrchr(b'"', key)?);
        let first = opens.trim_ascii_end().ends_with(b"{") && name.to_ascii_lowercase().ends_with(b"value");
        first.then_some((rest, b'"'))
    } else {
        // an input of a form
        let rest = behind.strip_prefix(b"\" ")?;
        let tag = &rest[..rest.iter().take(LONGEST).position(|b| *b == b'>')?];
        let rest = &tag[memchr::memmem::find(tag, b"name=\"")? + b"name=\"".len()..];
        let open = &before[memchr::memrchr(b'<', before)?..];
        let named = memchr::memmem::find(open, b" name=").is_some();
        (open.starts_with(b"<input ") && open.ends_with(b" value=\"") && !named).then_some((rest, b'"'))
    }?;
    let end = rest.iter().take(LONGEST).position(|b| *b == stop)?;
    Some(&rest[..end])
}

/// The name of a value that SQL writes to the row which has it: `SET value = 'VALUE' WHERE name = 'NAME'`.
fn updated_where(behind: &[u8]) -> Option<&[u8]> {
    let condition = unquoted(behind).trim_ascii_start();
    let condition =
        condition.get(..5).filter(|word| word.eq_ignore_ascii_case(b"where")).map(|_| &condition[5..])?;
    let condition = &condition[..condition.len().min(2 * LONGEST)];
    let (column, value) = condition.split_at(memchr::memchr(b'=', condition)?);
    let column = column.trim_ascii().to_ascii_lowercase();
    let column = column.strip_suffix(b"`").or_else(|| column.strip_suffix(b"\"")).unwrap_or(&column);
    let named = column.ends_with(b"name") || column.ends_with(b"key");
    let value = value[1..].trim_ascii_start().strip_prefix(b"'").filter(|_| named)?;
    Some(&value[..memchr::memchr(b'\'', value)?])
}

/// The name of a value that is written to a file of this name: `echo VALUE > folder/NAME`.
fn written_to<'a>(before: &[u8], behind: &'a [u8]) -> Option<&'a [u8]> {
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |end| end + 1)..];
    let path = is_echo(line).then(|| unquoted(line_of(behind)).trim_ascii().strip_prefix(b">"))??;
    let path = path.strip_prefix(b">").unwrap_or(path).trim_ascii();
    let name = &path[memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1)..];
    (!name.is_empty() && !name.iter().any(u8::is_ascii_whitespace)).then_some(name)
}

/// Whether a line of a shell up to a value is a command that prints it: `echo -n "`, `printf '%s' `.
fn is_echo(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"$").unwrap_or(line).trim_ascii_start();
    let command = line.strip_suffix(b"\"").or_else(|| line.strip_suffix(b"'")).unwrap_or(line);
    let mut words = command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    matches!(words.next(), Some(b"echo" | b"printf" | b"print"))
        && words.all(|word| word.first() == Some(&b'-') || memchr::memchr(b'%', word).is_some())
}

/// The rest of the line that `text` begins in, at most [`LONGEST`] bytes.
fn line_of(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(LONGEST)];
    &text[..text.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(text.len())]
}

/// What follows the quote at the end of a value, if there is one.
fn unquoted(behind: &[u8]) -> &[u8] {
    behind.strip_prefix(b"\"").or_else(|| behind.strip_prefix(b"'")).unwrap_or(behind)
}

/// The name by which a command of a shell stores a value: `echo VALUE | gh secret set NAME`, `aws ssm put-parameter --value VALUE --name
/// NAME`, `gh secret set --body VALUE NAME`.
fn stored_as<'a>(text: &'a [u8], value: &Range<usize>) -> Option<&'a [u8]> {
    const VALUES: [&[u8]; 8] = [
        b"--value",
        b"--body",
        b"--secret-string",
        b"--string-value",
        b"--plaintext",
        b"--text",
        b"--secret-value",
        b"-v",
    ];
    let before = command_before(&text[value.start.saturating_sub(2 * REACH)..value.start]);
    let behind = command(unquoted(&text[value.end..]));
    if is_echo(before) {
        let piped = behind.trim_ascii_start().strip_prefix(b"|")?;
        return option_in(piped).or_else(|| argument_in(piped.rsplit(|b| *b == b'|').next()?));
    }
    let option = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    let option = option.trim_ascii_end();
    let option = option.strip_suffix(b"=").unwrap_or(option);
    if !arguments(option).next_back().is_some_and(|word| VALUES.contains(&word)) {
        return None;
    }
    let verb = || arguments(before).any(|word| VERBS.contains(&word));
    option_in(before)
        .or_else(|| option_in(behind))
        .or_else(|| argument_in(before))
        .or_else(|| verb().then(|| first_argument(arguments(behind)))?)
}

/// What commands that store values do.
const VERBS: [&[u8]; 9] =
    [b"set", b"put", b"create", b"add", b"write", b"insert", b"import", b"new", b"store"];

/// The words of a command.
fn arguments(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> + Clone {
    text.split(|b| b" \t\r\n\\".contains(b)).filter(|word| !word.is_empty())
}

/// The argument of an option that gives a name.
fn option_in(command: &[u8]) -> Option<&[u8]> {
    const NAMES: [&[u8]; 5] = [b"--name", b"-n", b"--secret-id", b"--secret-name", b"--key"];
    let mut words = arguments(command);
    while let Some(word) = words.next() {
        let rest = NAMES.iter().find_map(|name| word.strip_prefix(*name));
        match rest {
            Some([]) => return words.next().and_then(a_name),
            Some([b'=', name @ ..]) => return a_name(name),
            _ => {}
        }
    }
    None
}

/// The first argument behind the verb of a command, or the one whose value the command reads: `NAME=-`.
fn argument_in(command: &[u8]) -> Option<&[u8]> {
    let verb = arguments(command).position(|word| VERBS.contains(&word))?;
    let rest = arguments(command).skip(verb + 1);
    let read = rest.clone().find_map(|word| word.strip_suffix(b"=-"));
    read.and_then(a_name).or_else(|| first_argument(rest))
}

/// The first word that is neither an option nor what follows one.
fn first_argument<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let mut of_option = false;
    for word in words {
        if word[0] == b'-' {
            of_option = !word.contains(&b'=');
        } else if !std::mem::take(&mut of_option)
            && let Some(name) = a_name(word)
        {
            return Some(name);
        }
    }
    None
}

/// A word, if it may be a name.
fn a_name(word: &[u8]) -> Option<&[u8]> {
    let part = |b: &u8| b.is_ascii_alphanumeric() || b"\"'_-./:".contains(b);
    (word.iter().all(part) && word.iter().any(u8::is_ascii_alphabetic)).then_some(word)
}

/// The command of a shell that `text` ends in, from its start on this line or on one that this continues.
fn command_before(text: &[u8]) -> &[u8] {
    let begins = |at: usize| match text[at] {
        b'\n' => !text[..at].trim_ascii_end().ends_with(b"\\"),
        b';' => true,
        b'&' | b'|' => at > 0 && text[at - 1] == text[at],
        _ => false,
    };
    &text[(0..text.len()).rev().find(|at| begins(*at)).map_or(0, |at| at + 1)..]
}

/// What is left of a command of a shell, on this line and those that continue it.
fn command(text: &[u8]) -> &[u8] {
    const LONG: usize = 3 * LONGEST;
    let text = &text[..text.len().min(LONG)];
    let ends = |at: usize| match text[at] {
        b'\n' => !text[..at].trim_ascii_end().ends_with(b"\\"),
        b';' => true,
        b'&' | b'|' => text.get(at + 1) == Some(&text[at]),
        _ => false,
    };
    &text[..(0..text.len()).find(|at| ends(*at)).unwrap_or(text.len())]
}

/// What stands behind a key of JSON and its sign, up to the quote before its value; `rest` begins in the key, which ends in one of
/// `ends`, in any case.
fn key<'a>(rest: &'a [u8], ends: &[&[u8]]) -> Option<&'a [u8]> {
    let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let name = rest[..len].to_ascii_lowercase();
    let behind = rest[len..].strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
    ends.iter().any(|end| name.ends_with(end)).then(|| behind.trim_ascii_start().strip_prefix(b"\""))?
}

/// The text before a value, as far as it may name it. Descriptions are left out: they stand between a name and its value, and are as
/// long as people like.
fn surroundings(text: &[u8], floor: usize, start: usize) -> Cow<'_, [u8]> {
    let from = floor.max(start.saturating_sub(REACH));
    let wide = &text[floor.max(start.saturating_sub(3 * REACH)).min(from)..start];
    let mut left = Vec::new();
    let mut rest = wide;
    while let Some(at) = memchr::memmem::find(rest, b"escription") {
        let (before, after) = rest.split_at(at + b"escription".len());
        let described = described(after);
        let word = if described > 0 { "description".len() } else { 0 };
        left.extend_from_slice(&before[..before.len().saturating_sub(word)]);
        rest = &after[described..];
    }
    if rest.len() == wide.len() {
        return Cow::Borrowed(&text[from..start]);
    }
    left.extend_from_slice(rest);
    Cow::Owned(left.split_off(left.len().saturating_sub(REACH)))
}

/// Length of what a description says, which may begin behind its name.
fn described(text: &[u8]) -> usize {
    let sign = text.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b':' | b'=')).count();
    if !text[..sign].iter().any(|b| matches!(b, b':' | b'=')) {
        return 0;
    }
    let end = |stop: u8| memchr::memchr2(stop, b'\n', &text[sign..]).map_or(0, |len| sign + len);
    match text[..sign].last() {
        Some(quote @ (b'"' | b'\'')) => end(*quote),
        _ => end(b'\n'),
    }
}
