//! The quick-start data under `evals/data/outdoor` agrees with itself: a wrong
//! label there would be read as a wrong ranking.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

const DATA: &str = "evals/data/outdoor";
const KINDS: [&str; 6] = ["lexical", "synonym", "negation", "constraint", "purpose", "comparison"];
/// Kinds where a document outside the recorded filter is graded 1 at most.
const STRICT_KINDS: [&str; 3] = ["negation", "constraint", "comparison"];

/// An error names the file and line it comes from.
type Read<T> = Result<T, String>;

/// One line of a JSON Lines file.
struct Row {
    at: String,
    id: String,
    fields: Map<String, Value>,
}

impl Row {
    fn text(&self, key: &str) -> Read<&str> {
        text(&self.fields, key).map_err(|problem| format!("{}: {problem}", self.at))
    }

    fn metadata(&self) -> Read<&Map<String, Value>> {
        self.fields
            .get("metadata")
            .and_then(Value::as_object)
            .ok_or_else(|| format!("{}: metadata is not an object", self.at))
    }

    /// The conditions under `key`, none where it is absent.
    fn conditions(&self, key: &str) -> Read<Map<String, Value>> {
        match self.metadata()?.get(key) {
            None => Ok(Map::new()),
            Some(Value::Object(conditions)) => Ok(conditions.clone()),
            Some(_) => Err(format!("{}: metadata.{key} is not an object", self.at)),
        }
    }
}

/// One line of the judgments.
struct Judgment {
    at: String,
    query: String,
    product: String,
    grade: u8,
}

fn read(file: &str) -> Read<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA).join(file);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn rows(file: &str) -> Read<Vec<Row>> {
    let content = read(file)?;
    content.lines().enumerate().map(|(index, line)| row(file, index + 1, line)).collect()
}

fn row(file: &str, number: usize, line: &str) -> Read<Row> {
    let at = format!("{DATA}/{file}:{number}");
    let fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("{at}: {error}"))?;
    let id = text(&fields, "_id").map_err(|problem| format!("{at}: {problem}"))?.to_owned();
    Ok(Row { at, id, fields })
}

fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Read<&'a str> {
    fields
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| format!("{key} is not a non-empty string"))
}

fn products() -> Read<Vec<Row>> {
    rows("corpus.jsonl")
}

fn queries() -> Read<Vec<Row>> {
    rows("queries.jsonl")
}

fn judgments() -> Read<Vec<Judgment>> {
    let file = "qrels/test.tsv";
    let content = read(file)?;
    let mut lines = content.lines().enumerate();
    let header = lines.next().map(|(_, line)| line);
    if header != Some("query-id\tcorpus-id\tscore") {
        return Err(format!("{DATA}/{file}:1: the header is {header:?}"));
    }
    lines.map(|(index, line)| judgment(file, index + 1, line)).collect()
}

fn judgment(file: &str, number: usize, line: &str) -> Read<Judgment> {
    let at = format!("{DATA}/{file}:{number}");
    let columns: Vec<&str> = line.split('\t').collect();
    let [query, product, score] = columns[..] else {
        return Err(format!("{at}: {} columns instead of 3", columns.len()));
    };
    let grade: u8 = score.parse().map_err(|error| format!("{at}: score {score:?}: {error}"))?;
    Ok(Judgment { at, query: query.to_owned(), product: product.to_owned(), grade })
}

fn by_id(rows: &[Row]) -> HashMap<&str, &Row> {
    rows.iter().map(|row| (row.id.as_str(), row)).collect()
}

fn is_safe(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Complaints about values of `of` that occur more than once.
fn repeated<'a>(rows: &'a [Row], what: &str, of: impl Fn(&'a Row) -> Read<&'a str>) -> Vec<String> {
    let mut first = HashMap::new();
    let mut problems = Vec::new();
    for row in rows {
        match of(row) {
            Err(problem) => problems.push(problem),
            Ok(value) => {
                if let Some(earlier) = first.insert(value, &row.at) {
                    problems.push(format!("{}: the {what} repeats {earlier}: {value}", row.at));
                }
            }
        }
    }
    problems
}

/// Whether `metadata` has every key of `conditions` and each condition holds.
fn meets(metadata: &Map<String, Value>, conditions: &Map<String, Value>) -> bool {
    conditions
        .iter()
        .all(|(key, condition)| metadata.get(key).is_some_and(|value| holds(value, condition)))
}

fn holds(value: &Value, condition: &Value) -> bool {
    match condition {
        Value::Array(any) => any.iter().any(|one| same(value, one)),
        Value::Object(bounds) => value
            .as_f64()
            .is_some_and(|number| bounds.iter().all(|(bound, limit)| within(number, bound, limit))),
        one => same(value, one),
    }
}

fn within(number: f64, bound: &str, limit: &Value) -> bool {
    limit.as_f64().is_some_and(|limit| match bound {
        "gt" => number > limit,
        "gte" => number >= limit,
        "lt" => number < limit,
        "lte" => number <= limit,
        _ => false,
    })
}

/// Equal, where 2 and 2.0 are.
fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => (left - right).abs() < f64::EPSILON,
        _ => left == right,
    }
}

/// Whether `product` passes the filter recorded with `query`.
fn passes(product: &Row, query: &Row) -> Read<bool> {
    let metadata = product.metadata()?;
    let not = query.conditions("not")?;
    let excluded = !not.is_empty() && meets(metadata, &not);
    Ok(meets(metadata, &query.conditions("must")?) && !excluded)
}

fn kind(query: &Row) -> Read<&str> {
    text(query.metadata()?, "kind").map_err(|problem| format!("{}: metadata.{problem}", query.at))
}

/// Complaints about the fields that every product has.
fn untyped(product: &Row) -> Read<Vec<String>> {
    let metadata = product.metadata()?;
    let mut wrong = Vec::new();
    for key in ["brand", "category", "released", "color", "material"] {
        if !metadata.get(key).is_some_and(Value::is_string) {
            wrong.push(format!("{}: metadata.{key} is not a string", product.at));
        }
    }
    for key in ["price", "weight_g", "rating"] {
        if metadata.get(key).and_then(Value::as_f64).is_none_or(|number| number <= 0.0) {
            wrong.push(format!("{}: metadata.{key} is not a number above 0", product.at));
        }
    }
    if !metadata.get("in_stock").is_some_and(Value::is_boolean) {
        wrong.push(format!("{}: metadata.in_stock is not a boolean", product.at));
    }
    if !metadata.get("released").and_then(Value::as_str).is_some_and(is_midnight_utc) {
        wrong.push(format!("{}: metadata.released is not YYYY-MM-DDT00:00:00Z", product.at));
    }
    if let Some((key, _)) = metadata.iter().find(|(_, v)| v.is_array() || v.is_object()) {
        wrong.push(format!("{}: metadata.{key} is nested", product.at));
    }
    Ok(wrong)
}

fn is_midnight_utc(date_time: &str) -> bool {
    let Some(date) = date_time.strip_suffix("T00:00:00Z") else { return false };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |part: &str, digits: usize| {
        part.parse::<u32>().ok().filter(|_| part.len() == digits).unwrap_or_default()
    };
    number(year, 4) > 2000
        && (1..=12).contains(&number(month, 2))
        && (1..=31).contains(&number(day, 2))
}

fn names_its_price(product: &Row) -> Read<bool> {
    let price = product.metadata()?.get("price").and_then(Value::as_f64).unwrap_or_default();
    Ok(product.text("text")?.contains(&format!("{price:.2}")))
}

/// Complaints about filters over a key that no product has.
fn unknown_keys(query: &Row, known: &HashSet<&str>) -> Read<Vec<String>> {
    let mut keys: Vec<String> = query.conditions("must")?.keys().cloned().collect();
    keys.extend(query.conditions("not")?.keys().cloned());
    keys.retain(|key| !known.contains(key.as_str()));
    Ok(keys.iter().map(|key| format!("{}: no product has {key}", query.at)).collect())
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn has_the_expected_size() -> Read<()> {
    let (products, queries) = (products()?.len(), queries()?.len());
    assert!((240..=260).contains(&products), "{products} products");
    assert_eq!(queries, 40, "queries");
    Ok(())
}

#[test]
fn ids_are_safe_and_unique() -> Read<()> {
    for rows in [products()?, queries()?] {
        let mut problems = repeated(&rows, "id", |row| Ok(&row.id));
        let unsafe_ids = rows.iter().filter(|row| !is_safe(&row.id));
        problems.extend(unsafe_ids.map(|row| format!("{}: id {:?}", row.at, row.id)));
        assert_none(&problems);
    }
    Ok(())
}

#[test]
fn no_text_repeats() -> Read<()> {
    let (products, queries) = (products()?, queries()?);
    assert_none(&repeated(&products, "title", |row| row.text("title")));
    assert_none(&repeated(&products, "text", |row| row.text("text")));
    assert_none(&repeated(&queries, "text", |row| row.text("text")));
    Ok(())
}

#[test]
fn products_have_typed_metadata() -> Read<()> {
    let mut problems = Vec::new();
    for product in products()? {
        problems.extend(untyped(&product)?);
    }
    assert_none(&problems);
    Ok(())
}

#[test]
fn texts_name_the_price_of_the_metadata() -> Read<()> {
    let mut problems = Vec::new();
    for product in products()? {
        if !names_its_price(&product)? {
            problems.push(format!("{}: the text lacks the price", product.at));
        }
    }
    assert_none(&problems);
    Ok(())
}

#[test]
fn most_queries_need_more_than_words() -> Read<()> {
    let queries = queries()?;
    let mut beyond = 0;
    for query in &queries {
        let kind = kind(query)?;
        assert!(KINDS.contains(&kind), "{}: unknown kind {kind:?}", query.at);
        beyond += usize::from(kind != "lexical");
    }
    assert!(beyond * 2 >= queries.len(), "{beyond} of {} queries", queries.len());
    Ok(())
}

#[test]
fn filters_use_keys_of_the_products() -> Read<()> {
    let products = products()?;
    let mut known = HashSet::new();
    for product in &products {
        known.extend(product.metadata()?.keys().map(String::as_str));
    }
    let mut problems = Vec::new();
    for query in queries()? {
        problems.extend(unknown_keys(&query, &known)?);
    }
    assert_none(&problems);
    Ok(())
}

#[test]
fn judgments_refer_to_what_exists_once() -> Read<()> {
    let (products, queries, judgments) = (products()?, queries()?, judgments()?);
    let (products, queries) = (by_id(&products), by_id(&queries));
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    for Judgment { at, query, product, grade } in &judgments {
        if !queries.contains_key(query.as_str()) {
            problems.push(format!("{at}: no query {query}"));
        }
        if !products.contains_key(product.as_str()) {
            problems.push(format!("{at}: no product {product}"));
        }
        if *grade > 3 {
            problems.push(format!("{at}: grade {grade}"));
        }
        if !seen.insert((query, product)) {
            problems.push(format!("{at}: {query} and {product} are judged twice"));
        }
    }
    assert_none(&problems);
    Ok(())
}

#[test]
fn every_query_has_perfect_and_wrong_answers() -> Read<()> {
    let judgments = judgments()?;
    let mut problems = Vec::new();
    for query in queries()? {
        let count = |grade: u8| {
            judgments.iter().filter(|j| j.query == query.id && j.grade == grade).count()
        };
        if count(3) < 2 || count(0) < 5 {
            let (perfect, wrong) = (count(3), count(0));
            problems.push(format!("{}: {perfect} of grade 3, {wrong} of grade 0", query.at));
        }
    }
    assert_none(&problems);
    Ok(())
}

#[test]
fn good_grades_agree_with_the_recorded_filter() -> Read<()> {
    let (products, queries) = (products()?, queries()?);
    let (products, queries) = (by_id(&products), by_id(&queries));
    let mut problems = Vec::new();
    for Judgment { at, query, product, grade } in judgments()? {
        let (Some(&asked), Some(&found)) =
            (queries.get(query.as_str()), products.get(product.as_str()))
        else {
            continue; // Another test names it.
        };
        let least = if STRICT_KINDS.contains(&kind(asked)?) { 2 } else { 3 };
        if grade >= least && !passes(found, asked)? {
            problems.push(format!("{at}: {product} has {grade} but fails the filter of {query}"));
        }
    }
    assert_none(&problems);
    Ok(())
}
