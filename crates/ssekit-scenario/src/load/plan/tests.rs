//! Plans: when streams start and end, and when publications go out, in each kind of phase.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn scenario(phases: &str) -> LoadScenario {
    let text = format!("[target]\nurl = \"http://127.0.0.1/\"\n{phases}");
    let loaded = LoadScenario::parse(&text, Path::new("s.toml"), &[], |_| None);
    loaded
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .scenario
}

fn plan(phases: &str) -> LoadPlan {
    LoadPlan::new(&scenario(phases)).unwrap()
}

fn starts(plan: &LoadPlan) -> Vec<u64> {
    let acts = plan.acts(Shard::default());
    acts.filter(|act| matches!(act.deed, Deed::Start { .. }))
        .map(|act| act.at_us)
        .collect()
}

fn ramp(to: u64, rest: &str) -> String {
    format!("[[phase]]\nkind = \"ramp\"\nto = {to}\nover = \"1s\"\n{rest}\n")
}

#[test]
fn ramps_have_the_shape_they_say() {
    let times = |shape: &str| starts(&plan(&ramp(10, &format!("shape = \"{shape}\""))));
    let linear: Vec<_> = (0..10).map(|n| n * 100_000).collect();
    assert_eq!(times("linear"), linear);
    let steps = starts(&plan(&ramp(20, "shape = \"step\"")));
    assert_eq!(steps[..4], [0, 0, 100_000, 100_000]);
    let exp = times("exp");
    let gaps: Vec<_> = exp.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.is_sorted_by(|a, b| a >= b), "{exp:?}");
    assert!(
        (900_000..1_000_000).contains(exp.last().unwrap()),
        "{exp:?}"
    );
    assert_eq!(starts(&plan(&ramp(10, "from = 4")))[..5], [0, 0, 0, 0, 0]);
}

#[test]
fn arrivals_come_at_their_rate() {
    let arrive = |dist: &str| {
        let phase = format!(
            "[[phase]]\nkind = \"arrive\"\nrate = \"1000/s\"\nover = \"10s\"\ndist = \"{dist}\"\n"
        );
        starts(&plan(&phase))
    };
    let even = arrive("constant");
    assert_eq!(
        (even.len(), even[1], even[9_999]),
        (10_000, 1_000, 9_999_000)
    );
    let random = arrive("poisson");
    assert!((9_600..10_400).contains(&random.len()), "{}", random.len());
    let short = random
        .windows(2)
        .filter(|pair| pair[1] - pair[0] < 500)
        .count() as f64;
    let share = short / random.len() as f64;
    assert!(
        (0.36..0.43).contains(&share),
        "1 - exp(-0.5) is 0.393, not {share}"
    );
}

#[test]
fn churn_keeps_the_level_and_takes_the_oldest() {
    let plan = plan(&ramp(
        10,
        "[[phase]]\nkind = \"hold\"\nfor = \"2s\"\nchurn = \"5/s\"",
    ));
    assert_eq!(plan.planned(Shard::default()), 20);
    assert_eq!(plan.peak(), 10);
    let left: Vec<_> = plan
        .acts(Shard::default())
        .filter(|act| act.deed == Deed::Leave)
        .map(|act| (act.at_us, act.stream))
        .collect();
    assert_eq!(left[..3], [(1_000_000, 0), (1_200_000, 1), (1_400_000, 2)]);
    assert_eq!(plan.levels(&[999_999, 1_500_000, 3_000_000]), [10, 10, 10]);
}

#[test]
fn storms_hit_exactly_as_many_as_they_say() {
    for (drop, hit) in [("\"100%\"", 1000), ("\"25%\"", 250), ("7", 7)] {
        let storm = format!("[[phase]]\nkind = \"storm\"\ndrop = {drop}\nsettle = \"5s\"");
        let plan = plan(&ramp(1000, &storm));
        let dropped: BTreeSet<_> = plan
            .acts(Shard::default())
            .filter(|act| matches!(act.deed, Deed::Drop { .. }))
            .map(|act| act.stream)
            .collect();
        assert_eq!(dropped.len(), hit);
        if hit == 250 {
            let odd = dropped.iter().filter(|stream| *stream % 2 == 1).count();
            assert!((90..160).contains(&odd), "a fair sample: {odd}");
        }
    }
}

#[test]
fn spikes_come_and_go_and_drains_take_all() {
    let phases = ramp(
        5,
        "[[phase]]\nkind = \"spike\"\nadd = 3\nfor = \"2s\"\n[[phase]]\nkind = \"wait\"\nfor = \"1s\"\n[[phase]]\nkind = \"drain\"\nover = \"5s\"",
    );
    let plan = plan(&phases);
    assert_eq!((plan.peak(), plan.end_us()), (8, 9_000_000));
    let at = [
        999_999, 1_000_000, 2_999_999, 3_500_000, 4_000_000, 8_000_000, 9_000_000,
    ];
    assert_eq!(plan.levels(&at), [5, 8, 8, 5, 4, 0, 0]);
}

#[test]
fn steps_rise_until_the_last() {
    let plan =
        plan("[[phase]]\nkind = \"steps\"\nstart = 10\nadd = 5\nevery = \"2s\"\nuntil = 22\n");
    assert_eq!((plan.peak(), plan.end_us()), (20, 6_000_000));
    assert_eq!(
        plan.levels(&[1_000_000, 2_000_000, 3_000_000, 5_999_999]),
        [10, 11, 15, 20]
    );
}

#[test]
fn weights_share_the_streams() {
    let phases = ramp(
        1000,
        "[[population]]\nname = \"a\"\nweight = 3\n[[population]]\nname = \"b\"\n[[population]]\nname = \"own\"\n[[population.phase]]\nkind = \"ramp\"\nname = \"up\"\nto = 4\nover = \"3s\"",
    );
    let plan = plan(&phases);
    let mut counted = BTreeMap::new();
    for act in plan.acts(Shard::default()) {
        *counted.entry(act.population).or_insert(0_u64) += 1;
    }
    assert!((748..=752).contains(&counted[&0]), "{counted:?}");
    assert_eq!((counted[&0] + counted[&1], counted[&2]), (1000, 4));
    assert_eq!(plan.end_us(), 3_000_000);
}

#[test]
fn publications_keep_their_plan_and_number_their_topics() {
    let publisher = |rest: &str| {
        format!(
            "[[population]]\nname = \"s\"\n[[population]]\nname = \"p\"\nkind = \"publisher\"\nurl = \"http://127.0.0.1/pub\"\nrate = \"10/s\"\npayload = \"{{seq}}\"\n{rest}"
        )
    };
    let all: Vec<_> = plan(&ramp(3, &publisher("topics = 3")))
        .publications(1, Shard::default())
        .collect();
    assert_eq!(all.len(), 10);
    let told: Vec<_> = all
        .iter()
        .take(5)
        .map(|p| (p.at_us, p.topic, p.seq))
        .collect();
    assert_eq!(
        told,
        [
            (0, 0, 1),
            (100_000, 1, 1),
            (200_000, 2, 1),
            (300_000, 0, 2),
            (400_000, 1, 2)
        ]
    );
    let own = publisher(
        "[[population.phase]]\nname = \"quiet\"\nkind = \"wait\"\nfor = \"1s\"\n[[population.phase]]\nname = \"loud\"\nkind = \"hold\"\nfor = \"1s\"\n",
    );
    let plan = plan(&ramp(3, &own));
    let all: Vec<_> = plan.publications(1, Shard::default()).collect();
    assert_eq!((all.len(), all[0].at_us), (10, 1_000_000));
    assert_eq!(plan.end_us(), 2_000_000);
    let zipf: Vec<_> = super::tests::plan(&ramp(
        3,
        &publisher("topics = 4\ntopic_dist = \"zipf\"\narrival = \"poisson\""),
    ))
    .publications(1, Shard::default())
    .collect();
    assert!(zipf.iter().all(|p| p.topic < 4 && p.at_us < 1_000_000));
}

#[test]
fn demands_are_added_up() {
    let scenario = scenario(&ramp(
        100,
        "[[phase]]\nkind = \"hold\"\nfor = \"10s\"\n[expect]\ninterval = \"1s\"",
    ));
    let plan = LoadPlan::new(&scenario).unwrap();
    let demand = plan.demand(&scenario, Shard::default());
    assert_eq!(
        (demand.peak_streams, demand.peak_connections, demand.ports),
        (100, 100, 100)
    );
    assert!(demand.descriptors >= 100);
    let first = demand.limited_to(25);
    assert_eq!((first.peak_connections, first.ports), (25, 25));
    assert_eq!(first.descriptors, demand.descriptors - 75);
    assert!(
        (1_050..=1_051).contains(&demand.events.unwrap()),
        "{demand:?}"
    );
}

fn any_phases() -> impl Strategy<Value = String> {
    let later = prop_oneof![
        (0_u64..2000, 1_u64..20).prop_map(|(to, over)| format!(
            "[[phase]]\nkind = \"ramp\"\nto = {}\nover = \"{over}s\"\n",
            to + 1
        )),
        (1_u64..20, 1_u64..200).prop_map(|(time, churn)| format!(
            "[[phase]]\nkind = \"hold\"\nfor = \"{time}s\"\nchurn = \"{churn}/s\"\n"
        )),
        (1_u64..500, 1_u64..20).prop_map(|(add, time)| format!(
            "[[phase]]\nkind = \"spike\"\nadd = {add}\nfor = \"{time}s\"\n"
        )),
        (1_u64..100).prop_map(|share| format!(
            "[[phase]]\nkind = \"storm\"\ndrop = \"{share}%\"\nsettle = \"3s\"\n"
        )),
        (1_u64..300).prop_map(|rate| format!(
            "[[phase]]\nkind = \"arrive\"\nrate = \"{rate}/s\"\nover = \"2s\"\ndist = \"poisson\"\n"
        )),
    ];
    proptest::collection::vec(later, 0..6).prop_map(|later| ramp(500, "") + &later.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shards_together_are_the_whole(phases in any_phases(), count in 1_u32..6) {
        let plan = plan(&phases);
        let whole: Vec<_> = plan.acts(Shard::default()).collect();
        let mut parts = Vec::new();
        let mut planned = 0;
        for index in 0..count {
            let shard = Shard { index, count, merged: 1 };
            planned += plan.planned(shard);
            parts.extend(plan.acts(shard));
        }
        prop_assert_eq!(planned, plan.planned(Shard::default()));
        let key = |act: &Act| (act.at_us, act.stream, matches!(act.deed, Deed::Start { .. }));
        let mut sorted = whole.clone();
        sorted.sort_by_key(key);
        parts.sort_by_key(key);
        prop_assert_eq!(parts, sorted);
    }

    #[test]
    fn streams_start_once_before_they_leave_and_time_never_goes_back(phases in any_phases()) {
        let plan = plan(&phases);
        let (mut open, mut ever, mut last, mut peak) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
        for act in plan.acts(Shard::default()) {
            prop_assert!(act.at_us >= last && act.at_us <= plan.end_us());
            last = act.at_us;
            match act.deed {
                Deed::Start { .. } => {
                    prop_assert!(ever.insert(act.stream));
                    open.insert(act.stream);
                }
                Deed::Leave => prop_assert!(open.remove(&act.stream)),
                Deed::Drop { .. } => prop_assert!(open.contains(&act.stream)),
            }
            peak = peak.max(open.len() as u64);
        }
        prop_assert_eq!(ever.len() as u64, plan.planned(Shard::default()));
        prop_assert_eq!(peak, plan.peak());
        prop_assert_eq!(plan.levels(&[plan.end_us()]), vec![open.len() as u64]);
    }

    #[test]
    fn a_scenario_never_makes_the_reader_panic_and_faults_are_in_the_text(text in "(\\[(\\[)?(target|phase|expect|population|threshold|seed)(\\])?\\]\n|(url|kind|to|over|for|name|metric|expr) = (\"[a-z0-9:/<{} ]{0,12}\"|[0-9]{1,9}|\\{ a = 1 \\})\n){0,12}") {
        if let Err(super::super::ScenarioError::Malformed { line, column, .. }) =
            LoadScenario::parse(&text, Path::new("s"), &[], |_| None)
        {
            let lines: Vec<_> = text.split('\n').collect();
            prop_assert!(line >= 1 && line <= lines.len(), "line {}", line);
            prop_assert!(column >= 1 && column <= lines[line - 1].chars().count() + 1);
        }
    }
}
