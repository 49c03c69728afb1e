//! What is varied, and how it is measured.

use std::error::Error;

use rankgate::retrieve::{
    Bm25Shape, ComponentWeights, FieldWeights, Fusion, FusionKind, Language, Lexical, RrfK,
};

use super::data::{DocIndex, Set};
use super::inverted::{Hit, Inverted};
use super::measure::{Figures, ndcg};
use super::table::Row;

/// Hits of a component that the gateway fuses where it is asked for so many
/// candidates or fewer.
const DEPTH: usize = 100;
/// The most that is measured.
pub const DEEPEST: usize = 1000;

const K1: [f64; 6] = [0.6, 0.9, 1.2, 1.5, 1.8, 2.4];
const B: [f64; 6] = [0.2, 0.4, 0.6, 0.75, 0.9, 1.0];
const TITLE: [f64; 9] = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 8.0];
/// BM25 to dense.
const RELATIVE: [(f64, f64); 9] = [
    (9.0, 1.0),
    (4.0, 1.0),
    (3.0, 1.0),
    (2.0, 1.0),
    (1.5, 1.0),
    (1.0, 1.0),
    (1.0, 1.5),
    (1.0, 3.0),
    (1.0, 9.0),
];
/// Weights of the title that are fused, and BM25 to dense together with them.
const TITLE_FUSED: [f64; 5] = [0.5, 1.0, 1.5, 2.0, 3.0];
const SHARES_BY_TITLE: [(f64, f64); 4] = [(3.0, 1.0), (2.5, 1.0), (2.0, 1.0), (1.5, 1.0)];
const RRF: [(f64, f64); 4] = [(3.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0)];
const RRF_K: [u32; 5] = [2, 10, 30, 60, 100];
const DEPTHS: [usize; 6] = [20, 50, DEPTH, 200, 500, DEEPEST];

type Measured<T> = Result<T, Box<dyn Error>>;

/// The answers of one component: by set, by query, best first.
type Answers = Vec<Vec<Vec<Hit>>>;

/// Settings of BM25 alone, one varied at a time (k1 and b together).
pub fn lexical(sets: &[Set]) -> Measured<Vec<Row>> {
    let usual = Lexical::default();
    let indexed = indexes(usual, sets)?;
    let mut rows = Vec::new();
    for k1 in K1 {
        for b in B {
            let shape = Bm25Shape::new(k1, b)?;
            let figures = figures(sets, &answers(sets, &indexed, shape, DEPTH));
            let setting = format!("k1 = {k1}, b = {b}");
            rows.push(Row { group: "k1, b", setting, default: shape == usual.shape, figures });
        }
    }
    for title in TITLE {
        let fields = FieldWeights::new(title, 1.0)?;
        let figures = figures(sets, &bm25(Lexical { fields, ..usual }, sets, DEPTH)?);
        let setting = format!("title = {title}, text = 1");
        rows.push(Row { group: "fields", setting, default: fields == usual.fields, figures });
    }
    for language in [Language::None, Language::English] {
        let figures = figures(sets, &bm25(Lexical { language, ..usual }, sets, DEPTH)?);
        let (setting, default) = (language.to_string(), language == usual.language);
        rows.push(Row { group: "language", setting, default, figures });
    }
    Ok(rows)
}

/// Settings of both components together.
pub fn fused(sets: &[Set], dense: &Answers) -> Measured<Vec<Row>> {
    let usual = Lexical::default();
    let found = bm25(usual, sets, DEEPEST)?;
    let alone = |name: &str, answers: &Answers| {
        let setting = format!("{name} alone");
        Row { group: "fusion", setting, default: false, figures: figures(sets, answers) }
    };
    let mut rows = vec![alone("BM25", &found), alone("embeddings", dense)];
    let mut add = |group, setting: String, fusion: Fusion, depth: usize| {
        let default = fusion == Fusion::default() && depth == DEPTH;
        let figures = figures(sets, &fuse(fusion, &found, dense, depth));
        rows.push(Row { group, setting, default, figures });
    };
    for (bm25, dense) in RELATIVE {
        let weights = ComponentWeights::new(bm25, dense)?;
        let fusion = Fusion::new(FusionKind::Relative, weights);
        add("fusion", format!("relative, {bm25} to {dense}"), fusion, DEPTH);
    }
    for k in RRF_K {
        for (bm25, dense) in RRF {
            add("fusion", format!("rrf, k = {k}, {bm25} to {dense}"), rrf(k, bm25, dense)?, DEPTH);
        }
    }
    for depth in DEPTHS {
        add("depth", format!("relative, {depth} hits"), Fusion::default(), depth);
    }
    for depth in DEPTHS {
        add("depth", format!("rrf, {depth} hits"), rrf(60, 1.0, 1.0)?, depth);
    }
    for title in TITLE_FUSED {
        let fields = FieldWeights::new(title, 1.0)?;
        let found = bm25(Lexical { fields, ..usual }, sets, DEPTH)?;
        for (share, one) in SHARES_BY_TITLE {
            let fusion = Fusion::new(FusionKind::Relative, ComponentWeights::new(share, one)?);
            rows.push(Row {
                group: "fields, fused",
                setting: format!("title = {title}, text = 1, relative, {share} to {one}"),
                default: fields == usual.fields && fusion == Fusion::default(),
                figures: figures(sets, &fuse(fusion, &found, dense, DEPTH)),
            });
        }
    }
    Ok(rows)
}

fn rrf(k: u32, bm25: f64, dense: f64) -> Measured<Fusion> {
    let kind = FusionKind::ReciprocalRanks(RrfK::new(k)?);
    Ok(Fusion::new(kind, ComponentWeights::new(bm25, dense)?))
}

fn indexes(lexical: Lexical, sets: &[Set]) -> Measured<Vec<Inverted>> {
    sets.iter().map(|set| Ok(Inverted::new(lexical, &set.documents)?)).collect()
}

fn bm25(lexical: Lexical, sets: &[Set], depth: usize) -> Measured<Answers> {
    Ok(answers(sets, &indexes(lexical, sets)?, lexical.shape, depth))
}

fn answers(sets: &[Set], indexed: &[Inverted], shape: Bm25Shape, depth: usize) -> Answers {
    let of_set = |(set, index): (&Set, &Inverted)| {
        set.queries.iter().map(|query| index.search(shape, &query.text, depth)).collect()
    };
    sets.iter().zip(indexed).map(of_set).collect()
}

fn fuse(fusion: Fusion, bm25: &Answers, dense: &Answers, depth: usize) -> Answers {
    let head = |hits: &[Hit]| hits[..depth.min(hits.len())].to_vec();
    let of_set = |(bm25, dense): (&Vec<Vec<Hit>>, &Vec<Vec<Hit>>)| {
        let pairs = bm25.iter().zip(dense);
        pairs.map(|(bm25, dense)| fusion.fuse(&head(bm25), &head(dense))).collect()
    };
    bm25.iter().zip(dense).map(of_set).collect()
}

fn figures(sets: &[Set], answers: &Answers) -> Vec<Figures> {
    let of_set = |(set, answers): (&Set, &Vec<Vec<Hit>>)| {
        let measured = set.queries.iter().zip(answers).map(|(query, hits)| {
            let order: Vec<DocIndex> = hits.iter().map(|(place, _)| *place).collect();
            ndcg(&order, query)
        });
        Figures::of(&measured.collect::<Vec<_>>())
    };
    sets.iter().zip(answers).map(of_set).collect()
}
