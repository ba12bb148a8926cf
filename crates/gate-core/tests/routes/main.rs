//! The table of routes against the plain scan, over random routes and requests: the same
//! ones on every run.

mod naive;
mod random;

use gate_core::ids::RouteId;
use gate_core::route::Table;
use rand::SeedableRng;
use rand::rngs::StdRng;

const TABLES: u64 = 30;
const REQUESTS: usize = 400;

#[test]
fn the_table_finds_what_a_scan_in_the_order_of_preference_finds() {
    let (mut found, mut not_found) = (0, 0);
    for seed in 0..TABLES {
        let mut dice = StdRng::seed_from_u64(seed);
        let routes = random::routes(&mut dice);
        let table = Table::new(routes.clone());
        for _ in 0..REQUESTS {
            let ask = random::ask(&mut dice);
            let expected = naive::find(&routes, &ask.request()).map(id);
            assert_eq!(table.find(&ask.request()), expected, "seed {seed}: {ask:?} among {routes:#?}");
            let count = if expected.is_some() { &mut found } else { &mut not_found };
            *count += 1;
        }
    }
    assert!(found > 2_000 && not_found > 2_000, "{found} found, {not_found} not: both are of interest");
}

#[test]
fn an_explanation_ends_with_the_route_that_answers_and_has_a_misfit_for_all_before_it() {
    for seed in 0..TABLES {
        let mut dice = StdRng::seed_from_u64(seed);
        let routes = random::routes(&mut dice);
        let table = Table::new(routes.clone());
        let ask = random::ask(&mut dice);
        let tried = table.explain(&ask.request());
        let answers: Vec<_> = tried.iter().filter(|tried| tried.misfit.is_none()).collect();
        match table.find(&ask.request()) {
            Some(route) => {
                assert_eq!(tried.last().map(|tried| tried.route), Some(route), "seed {seed}");
                assert_eq!(answers.len(), 1, "seed {seed}");
            }
            None => assert_eq!((tried.len(), answers.len()), (routes.len(), 0), "seed {seed}"),
        }
        let mut places: Vec<_> = tried.iter().map(|tried| tried.route).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), tried.len(), "seed {seed}: none is tried twice");
    }
}

fn id(place: usize) -> RouteId {
    RouteId(u32::try_from(place).expect("few routes"))
}
