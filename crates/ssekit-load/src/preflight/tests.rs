//! What of this machine a run needs, which limit refuses it, and the remedy that is named.
#![allow(clippy::unwrap_used)]
use super::*;

fn need() -> Need {
    Need {
        connections: 100_000,
        ports: 100_000,
        destinations: 2,
        sources: 2,
        own_ports: None,
        is_local: true,
        streams: 100_000,
        memory: 200 << 20,
        processes: 1,
        may_share: false,
    }
}

fn machine() -> Machine {
    Machine {
        hard_descriptors: Some(1 << 20),
        nr_open: Some(1 << 20),
        ports: Some((32_768, 60_999)),
        port_reuse: Some(2),
        tracked: Some((10, 262_144)),
        memory: Some(4 << 30),
    }
}

fn refusal(need: &Need, machine: &Machine) -> String {
    need.judge(machine).unwrap_err()
}

#[test]
fn what_fits_is_let_go() {
    assert_eq!(need().judge(&machine()), Ok(()));
    assert_eq!(need().judge(&Machine::default()), Ok(()));
}

#[test]
fn descriptors_are_those_of_each_process() {
    let few = Machine {
        hard_descriptors: Some(20_000),
        ..machine()
    };
    let said = refusal(&need(), &few);
    assert!(
        said.contains("100064 file descriptors") && said.contains("--processes 6,"),
        "{said}"
    );
    let six = Need {
        processes: 6,
        ..need()
    };
    assert_eq!(six.judge(&few), Ok(()));
    let five = Need {
        processes: 5,
        ..need()
    };
    assert!(refusal(&five, &few).contains("each of 5 processes"));
}

#[test]
fn a_limit_that_cannot_be_raised_so_far_names_the_one_above_it() {
    let few = Machine {
        hard_descriptors: Some(1000),
        nr_open: Some(50_000),
        ..machine()
    };
    let said = refusal(&need(), &few);
    assert!(said.contains("fs.nr_open=100064"), "{said}");
    assert!(!said.contains("--processes"), "107 are too many: {said}");
}

#[test]
fn more_processes_are_no_remedy_where_one_has_no_descriptor_for_a_connection() {
    let five = Need {
        connections: 5,
        ..need()
    };
    for (hard, helps) in [(40, false), (64, false), (65, true)] {
        let few = Machine {
            hard_descriptors: Some(hard),
            ..machine()
        };
        let said = refusal(&five, &few);
        assert_eq!(said.contains("use --processes 5"), helps, "{said}");
        assert!(said.contains("raise the hard limit"), "{said}");
        let divided = Need {
            processes: 5,
            ..five.clone()
        };
        assert_eq!(divided.judge(&few).is_ok(), helps);
    }
}

#[test]
fn ports_of_the_scenario_count_in_the_place_of_those_of_the_system() {
    let few = Need {
        own_ports: Some(1000),
        ..need()
    };
    let said = refusal(&few, &machine());
    assert!(
        said.contains("there are 1000 for each of 4 pairs") && said.contains("50 source addresses"),
        "{said}"
    );
    assert!(said.ends_with(", or widen target.source_ports"), "{said}");
    let many = Need {
        own_ports: Some(25_000),
        ..need()
    };
    let none = Machine {
        ports: Some((1, 2)),
        ..machine()
    };
    assert_eq!(many.judge(&none), Ok(()));
}

#[test]
fn ports_count_for_each_pair_of_addresses() {
    let three = Need {
        destinations: 1,
        sources: 3,
        ..need()
    };
    let said = refusal(&three, &machine());
    assert!(
        said.contains("28232 for each of 3 pairs") && said.contains("give 4 source addresses"),
        "{said}"
    );
    let wide = Machine {
        ports: Some((1024, 65_535)),
        ..machine()
    };
    assert_eq!(three.judge(&wide), Ok(()));
    let one = Need {
        sources: 1,
        ..three
    };
    let said = refusal(&one, &wide);
    assert!(said.contains("64512 for one pair"), "{said}");
    assert!(!said.contains("widen"), "{said}");
}

#[test]
fn everything_that_is_short_is_told_at_once() {
    let poor = Machine {
        hard_descriptors: Some(20_000),
        memory: Some(64 << 20),
        ..machine()
    };
    let one = Need {
        destinations: 1,
        sources: 1,
        ..need()
    };
    let said = refusal(&one, &poor);
    let all = ["file descriptors", "need as many ports", "memory"];
    assert!(all.iter().all(|what| said.contains(what)), "{said}");
}

#[test]
fn a_wider_range_of_ports_is_named_only_where_it_is_wide_enough() {
    let of = |connections| {
        let one = Need {
            connections,
            ports: connections,
            destinations: 1,
            sources: 1,
            ..need()
        };
        refusal(&one, &machine())
    };
    assert!(of(64_512).contains("or widen the range"));
    assert!(!of(64_513).contains("widen"));
}

#[test]
fn ports_of_closed_connections_count_where_they_are_not_taken_again() {
    let churning = Need {
        ports: 150_000,
        ..need()
    };
    assert_eq!(churning.judge(&machine()), Ok(()));
    let afar = Need {
        is_local: false,
        ..churning
    };
    let said = refusal(&afar, &machine());
    assert!(said.contains("150000 in all"), "{said}");
}

#[test]
fn a_firewall_that_tracks_nothing_is_no_limit() {
    for (tracked, fits) in [((0, 50_000), true), ((7, 50_000), false)] {
        let small = Machine {
            tracked: Some(tracked),
            ..machine()
        };
        assert_eq!(need().judge(&small).is_ok(), fits);
    }
    let small = Machine {
        tracked: Some((7, 50_000)),
        ..machine()
    };
    assert!(refusal(&need(), &small).contains("nf_conntrack_max=100007"));
}

#[test]
fn memory_is_that_of_streams_and_sockets() {
    let small = Machine {
        memory: Some(512 << 20),
        ..machine()
    };
    assert!(refusal(&need(), &small).contains("591 MiB"));
    let shared = Need {
        connections: 1000,
        ..need()
    };
    assert_eq!(shared.judge(&small), Ok(()));
}
