use proptest::collection::vec;
use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use test_case::test_case;

use super::*;

const BASELINE: [f64; 10] = [0.62, 0.35, 0.80, 0.51, 0.44, 0.73, 0.29, 0.91, 0.58, 0.40];
const VARIANT: [f64; 10] = [0.70, 0.41, 0.78, 0.60, 0.44, 0.80, 0.35, 0.90, 0.69, 0.47];

/// Few draws: tests are built without optimisation.
fn quick() -> Settings {
    let few = NonZeroU32::new(300).unwrap();
    Settings { seed: 7, samples: few, resamples: few }
}

fn to_zero(differences: &[f64]) -> Comparison {
    compare(&vec![0.0; differences.len()], differences, quick()).unwrap()
}

#[test]
fn everything_together() {
    let found = compare(&BASELINE, &VARIANT, Settings::default()).unwrap();
    assert_eq!((found.n, found.wins, found.ties, found.losses), (10, 7, 1, 2));
    assert!((found.baseline_mean - 0.563).abs() < 1e-12);
    assert!((found.variant_mean - 0.614).abs() < 1e-12);
    assert!((found.mean_difference - 0.051).abs() < 1e-12);
    assert!((found.randomisation_test.p - 0.015_625).abs() < 1e-12);
    assert!((found.t_test.unwrap().p - 0.005_772_929).abs() < 1e-8);
    // 0.994714 standard deviations.
    assert!((found.minimum_detectable.unwrap() - 0.044_596).abs() < 1e-6);
    let sentence = found.verdict.to_string();
    assert_eq!(sentence, "0.051 better (95 % interval 0.017 to 0.080, p = .016)");
}

#[test]
fn fields_have_the_names_of_the_field() {
    let json = serde_json::to_value(to_zero(&VARIANT)).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "n baseline_mean variant_mean mean_difference sd_difference wins ties losses \
                    cohens_dz t_test randomisation_test p_holm ci95 minimum_detectable verdict";
    assert_eq!(keys.join(" "), expected);
    assert_eq!(json["randomisation_test"]["method"], "exact");
    assert_eq!(json["verdict"]["kind"], "better");
    assert!(json["verdict"]["ci95"]["lower"].is_f64());
    assert!(json["p_holm"].is_null());
}

#[test_case(&[0.0; 4], "the same for each of the 4 queries" ; "same")]
#[test_case(&[0.5; 5], "5 queries are too few to show a difference: compare at least 6" ; "few")]
#[test_case(&[0.1, -0.1, 0.1, -0.1, 0.1, -0.1],
    "no difference shown, which says little with 6 queries" ; "hardly enough")]
#[test_case(&[0.5; 6], "0.500 better (95 % interval 0.500 to 0.500, p = .031)" ; "all alike")]
#[test_case(&[-0.5; 6], "0.500 worse (95 % interval -0.500 to -0.500, p = .031)" ; "worse")]
#[test_case(&[0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.0, 0.0],
    "no difference shown; with 12 queries only differences of 0.085 or more would be seen 4 times \
     in 5" ; "both ways")]
fn verdicts(differences: &[f64], sentence: &str) {
    assert_eq!(to_zero(differences).verdict.to_string(), sentence);
}

#[test]
fn a_family_asks_for_more() {
    let alone = to_zero(&[0.5; 6]);
    assert!(matches!(alone.verdict, Verdict::Better(_)));
    let mut family = [alone.clone(), to_zero(&VARIANT), alone];
    adjust(&mut family);
    // .031 is the larger of two among three: .0625 and no longer shown.
    assert_eq!(family[0].p_holm, Some(0.0625));
    assert_eq!(family[0].verdict, Verdict::TooSmall { n: 6, needed: 7 });
    assert_eq!(family[2], family[0]);
    assert_eq!(family[1].p_holm, Some(3.0 * family[1].randomisation_test.p));
    let sentence = family[1].verdict.to_string();
    assert!(sentence.ends_with(", adjusted p = .006)"), "{sentence}");
    adjust(&mut []);
}

#[test]
fn a_family_can_show_only_larger_differences() {
    let mut found = [0.1, -0.1, 0.0].map(|last| {
        let mut differences = [0.1, -0.1].repeat(6);
        differences.push(last);
        to_zero(&differences)
    });
    let alone = found[0].minimum_detectable.unwrap();
    adjust(&mut found);
    let detectable = found[0].minimum_detectable;
    assert!(detectable.unwrap() > alone * 1.1);
    assert_eq!(found[0].verdict, Verdict::NoDifferenceShown { n: 13, detectable });
}

#[test]
fn what_cannot_be_compared_is_refused() {
    assert_eq!(compare(&[], &[], quick()), Err(NotComparable::NoQueries));
}

#[test]
fn chance_alone_is_called_a_difference_about_as_often_as_alpha_says() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let trials = 600;
    let (mut by_signs, mut by_t) = (0, 0);
    for _ in 0..trials {
        let drawn: Vec<f64> = (0..9).map(|_| StandardNormal.sample(&mut rng)).collect();
        let differences = Differences::of(&drawn);
        let one = NonZeroU32::MIN;
        by_signs += u32::from(randomisation_test(&differences, one, 0).p <= ALPHA);
        by_t += u32::from(t_test(&differences).unwrap().p <= ALPHA);
    }
    // Three standard errors are .027.
    for found in [by_signs, by_t] {
        let share = f64::from(found) / f64::from(trials);
        assert!((0.02..=0.08).contains(&share), "{share}");
    }
}

#[test]
fn what_is_called_detectable_is_shown_four_times_in_five() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let effect = minimum_detectable(1.0, 10, NonZeroUsize::MIN).unwrap();
    let trials = 600;
    let shown = (0..trials).filter(|_| {
        let drawn = StandardNormal.sample_iter(&mut rng).map(|z: f64| z + effect);
        let differences = Differences::of(&drawn.take(10).collect::<Vec<_>>());
        randomisation_test(&differences, NonZeroU32::MIN, 0).p <= ALPHA
    });
    let share = shown.count() as f64 / f64::from(trials);
    // Three standard errors are .049.
    assert!((0.75..=0.85).contains(&share), "{share}");
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// Values as metrics have them: many of them equal.
fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = || (0..=20_i32).prop_map(|step| f64::from(step) / 20.0);
    vec((value(), value()), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn swapping_the_two_changes_only_the_sign(pairs in pairs()) {
        let (baseline, variant): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let forth = compare(&baseline, &variant, quick()).unwrap();
        let back = compare(&variant, &baseline, quick()).unwrap();
        prop_assert!(near(forth.mean_difference, -back.mean_difference));
        prop_assert_eq!(forth.randomisation_test, back.randomisation_test);
        prop_assert_eq!(
            (forth.wins, forth.ties, forth.losses), (back.losses, back.ties, back.wins)
        );
        prop_assert_eq!(forth.t_test.is_some(), back.t_test.is_some());
        if let (Some(forth), Some(back)) = (forth.t_test, back.t_test) {
            prop_assert!(near(forth.p, back.p));
        }
        if let (Some(forth), Some(back)) = (forth.ci95, back.ci95) {
            prop_assert!(near(forth.lower, -back.upper) && near(forth.upper, -back.lower));
        }
    }

    #[test]
    fn what_is_added_to_both_changes_nothing(pairs in pairs(), constant in -3.0..3.0_f64) {
        let (baseline, variant): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let plus = |values: &[f64]| values.iter().map(|it| it + constant).collect::<Vec<_>>();
        let plain = compare(&baseline, &variant, quick()).unwrap();
        let moved = compare(&plus(&baseline), &plus(&variant), quick()).unwrap();
        prop_assert!(near(plain.mean_difference, moved.mean_difference));
        prop_assert_eq!(plain.randomisation_test, moved.randomisation_test);
        prop_assert_eq!(
            (plain.wins, plain.ties, plain.losses), (moved.wins, moved.ties, moved.losses)
        );
        prop_assert_eq!(plain.verdict.to_string(), moved.verdict.to_string());
    }

    #[test]
    fn numbers_stay_within_their_bounds(pairs in pairs()) {
        let (baseline, variant): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let found = compare(&baseline, &variant, quick()).unwrap();
        prop_assert_eq!(found.wins + found.ties + found.losses, found.n);
        let p_values = [Some(found.randomisation_test.p), found.t_test.map(|it| it.p)];
        for p in p_values.into_iter().flatten() {
            prop_assert!(p > 0.0 && p <= 1.0, "{}", p);
        }
        if let Some(Interval { lower, upper }) = found.ci95 {
            prop_assert!(-1.0 <= lower && lower <= upper && upper <= 1.0);
        }
        prop_assert_eq!(compare(&baseline, &variant, quick()).unwrap(), found);
    }
}
