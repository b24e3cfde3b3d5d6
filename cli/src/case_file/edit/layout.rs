//! Changes the values of a TOML document and keeps the comments and the layout around them.

use toml_edit::{
    Array, ArrayOfTables, Decor, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value, value,
};

/// Sets a value. The comment behind a value that is replaced stays.
pub(super) fn set_value(table: &mut dyn TableLike, key: &str, mut new: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            new.decor_mut().clone_from(old.decor());
            *old = new;
        }
        _ => {
            table.insert(key, value(new));
        }
    }
}

/// Removes a key of a table that has others.
pub(super) fn remove(table: &mut dyn TableLike, key: &str) {
    take(table, key);
}

/// Sets a text before all tables. A comment at the start of the file stays there.
pub(super) fn set_in_root(document: &mut DocumentMut, key: &str, text: &str) {
    let is_first = !document.iter().any(|(_, item)| item.is_value());
    set_value(document.as_table_mut(), key, text.into());
    if !is_first {
        return;
    }
    let header = match first_table_after(document, None) {
        Some(table) => {
            let header = split_comment(table.decor_mut());
            let own = text_of(table.decor().prefix());
            table.decor_mut().set_prefix(format!("\n{}", own.trim_start_matches('\n')));
            header
        }
        None => {
            let header = text_of(Some(document.trailing()));
            document.set_trailing("");
            header
        }
    };
    if let Some(mut key) = document.as_table_mut().key_mut(key) {
        key.leaf_decor_mut().set_prefix(header);
    }
}

/// Removes a key before all tables.
pub(super) fn remove_from_root(document: &mut DocumentMut, key: &str) {
    if let Some(comment) = take(document.as_table_mut(), key) {
        put_before_table_after(document, None, &comment);
    }
}

/// Removes a key. A comment before it stays, except the lines directly above the key. Returns the comment if the table
/// has no other key that it could be put beside.
fn take(table: &mut dyn TableLike, key: &str) -> Option<String> {
    let keys: Vec<String> = table.iter().filter(|(_, item)| item.is_value()).map(|(key, _)| key.to_owned()).collect();
    let at = keys.iter().position(|there| there == key);
    let comment = table.key_mut(key).map(|mut key| split_comment(key.leaf_decor_mut())).unwrap_or_default();
    table.remove(key);
    let at = at.filter(|_| !comment.is_empty())?;
    if let Some(mut next) = keys.get(at + 1).and_then(|next| table.key_mut(next)) {
        prepend(next.leaf_decor_mut(), &comment);
        return None;
    }
    let previous = at.checked_sub(1).and_then(|previous| table.get_mut(&keys[previous])).and_then(Item::as_value_mut);
    let Some(previous) = previous else { return Some(comment) };
    let suffix = text_of(previous.decor().suffix());
    previous.decor_mut().set_suffix(format!("{suffix}\n\n{}", comment.trim()));
    None
}

/// Adds a text to the end of an array. In an array with one text per line it gets its own line.
pub(super) fn push(array: &mut Array, text: &str) {
    let end = match array.iter().last() {
        Some(last) if !array.trailing_comma() => text_of(last.decor().suffix()),
        _ => text_of(Some(array.trailing())),
    };
    let (Some((comments, closing)), Some(last)) = (end.rsplit_once('\n'), array.len().checked_sub(1)) else {
        array.push(text);
        return;
    };
    let (comments, closing) = (comments.to_owned(), closing.to_owned());
    let Some(last) = array.get_mut(last) else { return };
    let before = text_of(last.decor().prefix());
    let indent = before.rsplit_once('\n').map_or("  ", |(_, indent)| indent);
    let new = Value::from(text).decorated(format!("{comments}\n{indent}"), "");
    last.decor_mut().set_suffix("");
    array.push_formatted(new);
    array.set_trailing_comma(true);
    array.set_trailing(format!("\n{closing}"));
}

/// Formats an inline table after a change, unless it has comments.
pub(super) fn tidy(table: &mut dyn TableLike, key: &str) {
    let inline = table.get_mut(key).and_then(Item::as_inline_table_mut);
    if let Some(inline) = inline.filter(|inline| !inline.to_string().contains('#')) {
        inline.fmt();
    }
}

/// The table of an array whose `key` is the text for which `is_it` is true. If there is none, one with the text `new`
/// is added at the end. Tables have headers (`[[person]]`) or are on one line; `None` if the array has other values.
pub(super) fn find_or_add<'a>(
    document: &'a mut DocumentMut,
    array: &str,
    key: &str,
    new: &str,
    is_it: impl Fn(&str) -> bool,
) -> Option<&'a mut dyn TableLike> {
    let item = document.entry(array).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Item::ArrayOfTables(tables) = item {
        let at = tables.iter().position(|table| has_text(table, key, &is_it));
        let at = at.unwrap_or_else(|| {
            tables.push(Table::from_iter([(key, new)]));
            tables.len() - 1
        });
        return tables.get_mut(at).map(|table| table as &mut dyn TableLike);
    }
    let values = item.as_array_mut()?;
    let at = position(values, key, &is_it).unwrap_or_else(|| {
        values.push(InlineTable::from_iter([(key, new)]));
        values.len() - 1
    });
    values.get_mut(at)?.as_inline_table_mut().map(|table| table as &mut dyn TableLike)
}

/// Removes the table of an array whose `key` is the text for which `is_it` is true. A comment before it stays, except
/// the lines directly above it.
pub(super) fn remove_entry(document: &mut DocumentMut, array: &str, key: &str, is_it: impl Fn(&str) -> bool) {
    let Some(item) = document.get_mut(array) else { return };
    if let Some(values) = item.as_array_mut() {
        if let Some(at) = position(values, key, &is_it) {
            values.remove(at);
        }
        return;
    }
    let Some(tables) = item.as_array_of_tables_mut() else { return };
    let Some(at) = tables.iter().position(|table| has_text(table, key, &is_it)) else { return };
    let mut removed = tables.remove(at);
    let comment = split_comment(removed.decor_mut());
    put_before_table_after(document, removed.position(), &comment);
}

fn position(values: &Array, key: &str, is_it: &impl Fn(&str) -> bool) -> Option<usize> {
    let mut tables = values.iter().map(Value::as_inline_table);
    tables.position(|table| table.is_some_and(|table| has_text(table, key, is_it)))
}

fn has_text(table: &dyn TableLike, key: &str, is_it: &impl Fn(&str) -> bool) -> bool {
    table.get(key).and_then(Item::as_str).is_some_and(is_it)
}

/// Puts a comment before the first table after a position in the file, or at the end of the file.
fn put_before_table_after(document: &mut DocumentMut, position: Option<isize>, comment: &str) {
    match first_table_after(document, position) {
        _ if comment.is_empty() => {}
        Some(table) => prepend(table.decor_mut(), comment),
        None => {
            let end = text_of(Some(document.trailing()));
            document.set_trailing(format!("{comment}{end}"));
        }
    }
}

/// The first of the tables with headers after a position in the file.
fn first_table_after(document: &mut DocumentMut, position: Option<isize>) -> Option<&mut Table> {
    let arrays = document.iter_mut().filter_map(|(_, item)| item.as_array_of_tables_mut());
    let tables = arrays.flat_map(ArrayOfTables::iter_mut);
    let later = tables.filter(|table| table.position().is_some() && table.position() > position);
    later.min_by_key(|table| table.position())
}

/// Takes the comment before a key or a table, up to the last empty line: what follows belongs to the key or the table.
fn split_comment(decor: &mut Decor) -> String {
    let before = text_of(decor.prefix());
    let end = before.rfind("\n\n").map_or(0, |at| at + 2);
    let (comment, own) = before.split_at(end);
    if !comment.contains('#') {
        return String::new();
    }
    decor.set_prefix(own);
    comment.to_owned()
}

/// Puts a comment before another one, or before the empty line before a table.
fn prepend(decor: &mut Decor, comment: &str) {
    let before = text_of(decor.prefix());
    decor.set_prefix(format!("{comment}{}", before.trim_start_matches('\n')));
}

fn text_of(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str).unwrap_or_default().to_owned()
}
