use std::collections::BTreeMap;

use super::*;
use crate::domain::{DocId, Document, Query, Repairs, Usage};
use crate::eval::first_stage::Texts;
use crate::eval::run::Run;
use crate::eval::runner::Row;
use crate::eval::score::{Scores, score};
use crate::eval::summary::{ExplanationSummary, HolesSummary};
use crate::explain::QuoteCounts;

/// What a page of data could do worst.
const HOSTILE: &str = "<script>alert('x')</script> \" onload=\"alert(1)";

pub(super) fn row(query: &str, status: &'static str, order: &[&str], from: &[usize]) -> Row {
    Row {
        query: query.to_owned(),
        variant: "any".to_owned(),
        repeat: 1,
        status,
        reason: (status != "llm").then_some("not_requested"),
        order: order.iter().map(|&id| id.to_owned()).collect(),
        first_stage_ranks: from.to_owned(),
        calls: 1,
        rounds: 1,
        failed_calls: 0,
        repairs: Repairs { missing: 1, ..Repairs::default() },
        usage: Usage { input_tokens: 1500, output_tokens: 20, cost_usd: 0.002 },
        latency_ms: 800.0,
        explain: None,
    }
}

/// A variant that was run.
struct Ran {
    name: &'static str,
    rows: Vec<Row>,
    scores: Scores,
}

/// Everything that a report borrows.
struct Fixture {
    ran: Vec<Ran>,
    topics: Vec<Topic>,
    judgments: Judgments<'static>,
    documents: HashMap<String, Document>,
}

impl Fixture {
    /// `queries` with a good and a bad document each. The first stage has the
    /// bad one first, but for the last query. The LLM mends all but the last
    /// two: one it leaves as it is, the other it spoils.
    fn new(queries: usize) -> Self {
        let names: Vec<String> = (0..queries).map(|at| format!("q{at:04}")).collect();
        let qrels: Vec<String> =
            names.iter().map(|name| format!("{name} 0 {name}-good 2")).collect();
        let judgments = Judgments::parse(qrels.join("\n").leak(), "qrels").unwrap();
        let (mut classical, mut llm) = (Vec::new(), Vec::new());
        for (at, query) in names.iter().enumerate() {
            let (good, bad) = (format!("{query}-good"), format!("{query}-bad"));
            let (worst, best) = ([bad.as_str(), good.as_str()], [good.as_str(), bad.as_str()]);
            let left = queries - at;
            let first = if left == 1 { best } else { worst };
            let free = Row {
                usage: Usage::default(),
                calls: 0,
                latency_ms: 4.0,
                ..row(query, "classical", &first, &[1, 2])
            };
            classical.push(Row { repairs: Repairs::default(), ..free });
            llm.push(match left {
                1 => row(query, "partial", &worst, &[2, 1]),
                2 => row(query, "llm", &worst, &[1, 2]),
                _ => row(query, "llm", &best, &[2, 1]),
            });
        }
        let topic = |(at, name): (usize, &String)| Topic {
            id: name.clone(),
            query: Query::new(if at == 0 { HOSTILE } else { name.as_str() }).unwrap(),
        };
        let mut fixture = Self {
            ran: Vec::new(),
            topics: names.iter().enumerate().map(topic).collect(),
            judgments,
            documents: HashMap::new(),
        };
        fixture.add("classical", classical);
        fixture.add("llm", llm);
        fixture
    }

    fn add(&mut self, name: &'static str, rows: Vec<Row>) {
        let metrics = ["ndcg@10", "mrr@10"].map(|name| name.parse().unwrap());
        let orders = rows
            .iter()
            .map(|row| (row.query.as_str(), row.order.iter().map(String::as_str).collect()));
        let run = Run::of_orders(orders.collect::<BTreeMap<_, _>>());
        let scores = score(&self.judgments, &run, &metrics, 1);
        self.ran.push(Ran { name, rows, scores });
    }

    fn document(&mut self, id: &str, title: &str, text: &str) {
        let document = Document {
            id: DocId::new(id).unwrap(),
            title: title.to_owned(),
            text: text.to_owned(),
            metadata: serde_json::Map::new(),
        };
        self.documents.insert(id.to_owned(), document);
    }

    fn measured(&self) -> Vec<Measured<'_>> {
        let measured = self.ran.iter().map(|it| Measured {
            name: it.name,
            rows: &it.rows,
            scores: &it.scores,
            rounds: std::slice::from_ref(&it.scores),
        });
        measured.collect()
    }

    fn texts(&self) -> Texts {
        self.documents.values().cloned().collect()
    }

    /// The page, with what `change` makes of the summary.
    fn page(&self, change: impl FnOnce(&mut Summary)) -> String {
        let measured = self.measured();
        let mut summary = Summary::of(&measured, "classical");
        change(&mut summary);
        self.page_of(&summary, &measured)
    }

    fn page_of(&self, summary: &Summary, measured: &[Measured<'_>]) -> String {
        let passed = Verdict { passed: true, text: "llm: cost_usd is 0.1".to_owned() };
        let failed = Verdict { passed: false, text: "llm: it isn't better <at all>".to_owned() };
        let report = self.report(summary, measured);
        let verdicts = [passed, failed];
        let report = HtmlReport { verdicts: &verdicts, ..report };
        report.render(&self.texts(), &provenance()).unwrap()
    }

    fn report<'a>(&'a self, summary: &'a Summary, measured: &'a [Measured<'a>]) -> HtmlReport<'a> {
        HtmlReport {
            title: "shop",
            summary,
            verdicts: &[],
            measured,
            topics: &self.topics,
            judgments: &self.judgments,
            relevance_level: 1,
        }
    }
}

fn provenance() -> Provenance {
    let prompt = PromptUsed {
        task: "rerank.listwise".into(),
        id: "rerank-listwise@v1".into(),
        sha256: "0f".repeat(32),
    };
    let model = ModelUsed { what: "ranking".into(), model: "fake-1".into() };
    let setup = |name: &str, models, prompts| VariantSetup {
        name: name.to_owned(),
        models,
        prompts,
        keys: format!("[pipelines.{name}]\nwindow = 20\n"),
    };
    Provenance {
        command: "rankgate eval run shop.toml --out out".into(),
        version: "0.1.0".into(),
        suite_file: "shop.toml".into(),
        suite_text: "dataset = \"shop\" # <b>https://example.org</b>\n".into(),
        dataset: "shop".into(),
        split: "test".into(),
        hashes: vec![("corpus.jsonl".into(), "ab".repeat(32))],
        variants: vec![
            setup("classical", Vec::new(), Vec::new()),
            setup("llm", vec![model], vec![prompt]),
        ],
    }
}

/// What a reader of the page sees, a line for each block and for each row of a
/// table; names of plots in brackets.
fn text_of(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..];
    let mut text = String::new();
    let mut rest = body;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let close = rest[open..].find('>').unwrap() + open;
        match rest[open + 1..close].split_whitespace().next().unwrap() {
            "title" => text.push('['),
            "/title" => text.push(']'),
            "/th" | "/td" | "/dt" => text.push_str(" | "),
            "td" | "th" | "dd" | "b" | "/b" | "span" | "/span" | "code" | "/code" => {}
            _ => text.push('\n'),
        }
        rest = &rest[close + 1..];
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Counts the tags; panics where an element isn't closed, or not in its order.
fn balanced(page: &str) -> usize {
    let (mut open, mut count): (Vec<&str>, _) = (Vec::new(), 0);
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').unwrap() + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        count += 1;
        match tag {
            _ if tag.ends_with('/') || matches!(name, "!doctype" | "meta") => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "before {rest:.80}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    count
}

/// The values of an attribute.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let before = format!(" {name}=\"");
    let values = page.match_indices(&before).map(|(at, _)| &page[at + before.len()..]);
    values.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_small_run_reads_like_this() {
    let mut fixture = Fixture::new(8);
    fixture.document("q0007-good", "A good tent", "It stands in any wind.");
    let page = fixture.page(|_| {});
    insta::assert_snapshot!(text_of(&page));
}

#[test]
fn what_was_measured_besides_has_its_place() {
    let page = Fixture::new(8).page(|summary| {
        let llm = &mut summary.variants[1];
        llm.holes = Some(HolesSummary {
            metric: "ndcg@10".parse().unwrap(),
            seen: 80,
            unjudged: 20,
            as_not_relevant: 0.5,
            condensed: 0.625,
            judge_filled: Some(0.6),
            ungraded: 3,
        });
        llm.explanations = Some(ExplanationSummary {
            llm: 30,
            classical: 10,
            unverified: 4,
            classical_rate: 0.25,
            quotes: QuoteCounts { located: 45, dropped: 5 },
            quote_precision_before: Some(0.9),
            quote_precision_after: Some(1.0),
        });
    });
    let text = text_of(&page);
    let holes = "llm | ndcg@10 | 20 of 80 (25.0 %) | 0.5000 | 0.6250 | 0.6000 | 3 |";
    assert!(text.contains(holes), "{text}");
    let explained = "llm | 30 | 10 (25.0 %) | 4 | 0.900 (45 of 50) | 1.000 |";
    assert!(text.contains(explained), "{text}");
    for id in ["holes", "explanations"] {
        assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    balanced(&page);
}

#[test]
fn what_documents_and_queries_say_is_shown_and_never_run() {
    let mut fixture = Fixture::new(8);
    fixture.document("q0000-good", HOSTILE, &format!("</details></style>{HOSTILE}"));
    let page = fixture.page(|_| {});
    assert!(page.contains("&lt;script&gt;alert("), "it is shown");
    assert!(!page.contains("<script") && !page.contains("onload=\""));
    assert!(page.contains("it isn&#x27;t better &lt;at all&gt;"));
    assert!(page.contains("default-src 'none'"));
    balanced(&page);
}

#[test]
fn the_page_is_whole_and_loads_nothing() {
    let page = Fixture::new(8).page(|_| {});
    assert!(balanced(&page) > 200);
    assert!(!page.contains("http://") && !page.contains("https://"), "as text they are escaped");
    assert!(attributes(&page, "src").is_empty());
    let css = include_str!("style.css");
    assert!(page.contains(css.trim()) && !css.contains("url(") && !css.contains("@import"));
    let ids = attributes(&page, "id");
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "{id} is there twice");
    }
    let links = attributes(&page, "href").into_iter().map(|link| link.strip_prefix('#').unwrap());
    for named in links.chain(attributes(&page, "aria-labelledby")) {
        assert!(ids.contains(&named), "{named} leads nowhere");
    }
    // Every plot but the decorative ones has a name.
    for svg in page.split("<svg").skip(1) {
        let head = &svg[..svg.find("</svg>").unwrap()];
        let named = head.contains("role=\"img\"") && head.contains("<title>");
        assert!(named || head.contains("aria-hidden=\"true\""), "{head:.200}");
    }
}

#[test]
fn bars_go_from_the_largest_gain_to_the_largest_loss() {
    let fixture = Fixture::new(8);
    let measured = fixture.measured();
    let deltas = per_query::deltas(&measured[1], &measured[0]);
    let signs: Vec<f64> = deltas.iter().map(|it| it.difference.signum()).collect();
    assert_eq!(deltas.len(), 8);
    assert!(deltas.is_sorted_by(|a, b| a.difference >= b.difference), "{deltas:?}");
    assert_eq!(signs.iter().filter(|&&sign| sign < 0.0).count(), 1);
    assert_eq!((deltas[0].query, deltas[7].query), ("q0000", "q0007"));
    let page = fixture.page(|_| {});
    let figure = &page[page.find("<figure>").unwrap()..page.find("</figure>").unwrap()];
    let bars = |class: &str| figure.matches(&format!("<rect class=\"{class}\"")).count();
    assert_eq!((bars("up"), bars("down")), (6, 1), "a tie has no bar");
    assert!(figure.contains("<title>q0007: 1.0000 to 0.6309 (-0.3691)</title>"), "{figure}");
}

#[test]
fn only_documents_that_are_shown_are_asked_for() {
    let fixture = Fixture::new(40);
    let measured = fixture.measured();
    let summary = Summary::of(&measured, "classical");
    let report = fixture.report(&summary, &measured);
    let ids: Vec<&str> = report.documents().into_iter().collect();
    let best = (0..5).flat_map(|at| [format!("q{at:04}-bad"), format!("q{at:04}-good")]);
    let worst = ["q0039-bad".to_owned(), "q0039-good".to_owned()];
    assert_eq!(ids, best.chain(worst).collect::<Vec<_>>());
}

#[test]
fn one_variant_is_compared_with_nothing() {
    let mut fixture = Fixture::new(8);
    fixture.ran.truncate(1);
    let page = fixture.page(|_| {});
    assert!(!page.contains("id=\"queries\"") && !page.contains("id=\"notable\""));
    assert!(page.contains("No variant cost anything"));
    balanced(&page);
}

#[test]
fn long_texts_are_cut() {
    let mut fixture = Fixture::new(8);
    fixture.document("q0000-good", &"title ".repeat(300), &"text ".repeat(5000));
    let page = fixture.page(|_| {});
    assert!(page.matches("title ").count() < 100 && page.matches("text ").count() < 200);
}

#[test]
fn a_thousand_queries_make_no_long_page() {
    let (small, large) = (Fixture::new(8), Fixture::new(1000));
    // The statistics of a thousand queries take their time and change nothing.
    let summary = Summary::of(&small.measured(), "classical");
    let page = large.page_of(&summary, &large.measured());
    assert_eq!(page.matches("<rect class=\"up\"").count(), 998);
    assert!(page.len() < 300_000, "{} bytes", page.len());
}
