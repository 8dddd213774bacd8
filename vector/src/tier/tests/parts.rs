//! Tracker, costs, budget, bucket and names by themselves.

use std::time::Duration;

use super::world::poisson;
use crate::tier::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_steady_rate_is_estimated_without_bias() {
    for rate in [0.05, 1.0, 200.0] {
        let mut rng = fastrand::Rng::with_seed(1);
        // Means over many segments, at the first moment that counts, soon, and late.
        let mut sums = [0.0; 3];
        for id in 0..400 {
            let tracker = Tracker::new(TrackerOptions::default());
            drop(tracker.access(id, Duration::ZERO));
            for ten in 0..6 * 60 {
                tracker.touch(id, secs(ten * 10 + 5), poisson(&mut rng, 10.0 * rate));
                if let Some(at) = [6 * 10, 6 * 30, 6 * 60].iter().position(|at| *at == ten + 1) {
                    sums[at] += tracker.rate(id, secs((ten + 1) * 10)).per_second / 400.0;
                }
            }
        }
        for mean in sums {
            // Four standard deviations of the mean, and a trifle for the steps of ten seconds.
            let noise = 4.0 / (rate * 600.0f64 * 400.0).sqrt() + 0.003;
            assert!((mean / rate - 1.0).abs() < noise, "{mean} of {rate}");
        }
    }
}

#[test]
fn a_touch_sustains_nothing_and_a_burst_fades() {
    let tracker = Tracker::new(TrackerOptions::default());
    drop(tracker.access(1, Duration::ZERO));
    let day = 24 * 60 * 60;
    tracker.touch(1, secs(day), 65_536.0);
    let rate = tracker.rate(1, secs(day));
    assert!(rate.per_second > 50.0 && rate.sustained(2) == 0.0 && rate.sustained(0) == rate.per_second);
    let mut last = rate.per_second;
    for ten in 1..=12 {
        let rate = tracker.rate(1, secs(day + ten * 600));
        assert!(rate.per_second < 0.55 * last || rate.per_second < 2.0, "{ten}: {rate:?}");
        assert_eq!(rate.sustained(2), 0.0);
        last = rate.per_second;
    }
    assert!(last < 0.01 * rate.per_second);
    // The same across a border of windows, in two touches.
    tracker.touch(2, secs(day + 599), 1000.0);
    tracker.touch(2, secs(day + 601), 1000.0);
    assert_eq!(tracker.rate(2, secs(day + 601)).sustained(2), 0.0);
    assert!(tracker.rate(2, secs(day + 601)).sustained(1) > 1.0, "two windows were touched");
    tracker.touch(2, secs(day + 1201), 1000.0);
    assert!(tracker.rate(2, secs(day + 1201)).sustained(2) > 1.0);
    assert!(tracker.rate(2, secs(day + 1801)).sustained(2) > 1.0, "also as the next begins");
    assert_eq!(tracker.rate(2, secs(day + 2401)).sustained(2), 0.0);
}

#[test]
fn time_that_goes_back_is_no_time() {
    let tracker = Tracker::new(TrackerOptions::default());
    tracker.touch(1, secs(1000), 5.0);
    let before = tracker.rate(1, secs(1000));
    assert_eq!(tracker.rate(1, secs(10)), before);
    tracker.touch(1, secs(10), 5.0);
    let after = tracker.rate(1, secs(0));
    assert!((after.short / before.short - 2.0).abs() < 1e-9 && after.windows[0] == 2.0 * before.windows[0]);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        tracker.touch(1, secs(1000), weight);
    }
    assert_eq!(tracker.rate(1, secs(1000)), after);
}

#[test]
fn a_rate_survives_a_restart() {
    let tracker = Tracker::new(TrackerOptions::default());
    (0..500).for_each(|minute| tracker.touch(1, secs(minute * 60), 60.0));
    tracker.touch(2, secs(500 * 60), 1.0);
    let (now, again) = (secs(500 * 60), Tracker::new(TrackerOptions::default()));
    for (id, saved) in tracker.save(now) {
        again.restore(id, secs(3), saved);
    }
    for id in [1, 2] {
        let (old, new) = (tracker.rate(id, now), again.rate(id, secs(3)));
        assert!((old.per_second - new.per_second).abs() < 1e-9, "{old:?} {new:?}");
        assert_eq!(new.sustained(2), 0.0);
    }
    assert_eq!(again.rates(secs(3)).iter().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2]);
    again.remove(1);
    assert_eq!(again.rate(1, secs(3)), Rate::default());
}

#[test]
fn many_threads_touch() {
    let tracker = Tracker::new(TrackerOptions::default());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let tracker = &tracker;
            scope.spawn(move || (0..10_000).for_each(|i| tracker.touch((i + thread) % 4, secs(1), 1.0)));
        }
    });
    let sums = tracker.save(secs(1));
    assert_eq!(sums.iter().map(|(_, saved)| saved.short).sum::<f64>(), 80_000.0);
}

#[test]
fn costs_are_learned() {
    let mut costs = Costs::default();
    let start = Tier::ALL.map(|tier| costs.row(tier));
    assert!(start.is_sorted_by(|colder, hotter| colder > hotter || *colder == start[1]), "{start:?}");
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..500 {
        let (requests, bytes) = (rng.u64(1..16), rng.u64(10_000..20_000_000));
        let noise = 0.9 + 0.2 * rng.f64();
        let nanos = (requests as f64 * 3e6 + bytes as f64 * 2.0) * noise;
        costs.fetched(Tier::Cold, requests * 10, requests, bytes, Duration::from_nanos(nanos as u64));
        costs.rescored(Tier::Cold, 100, Duration::from_nanos(50_000));
        costs.moved(Tier::Warm, Tier::Hot, 1000, Duration::from_nanos(4000));
    }
    let [request, byte] = costs.fetch(Tier::Cold);
    assert!((request / 3e6 - 1.0).abs() < 0.1 && (byte / 2.0 - 1.0).abs() < 0.05, "{request} {byte}");
    assert!(costs.row(Tier::Cold) > 500.0 + 0.1 * request);
    assert!((costs.moving(Tier::Warm, Tier::Hot, 10) - 40.0).abs() < 0.01);
    assert_eq!(costs.row(Tier::Frozen), start[0]);
    // Where requests and bytes always go together, their sum is right.
    let mut costs = Costs::default();
    for _ in 0..500 {
        costs.fetched(Tier::Cold, 1, 1, 4096, Duration::from_millis(1));
    }
    let [request, byte] = costs.fetch(Tier::Cold);
    assert!(
        request > 0.0 && byte > 0.0 && ((request + 4096.0 * byte) / 1e6 - 1.0).abs() < 0.2,
        "{request} {byte}"
    );
    costs.rescored(Tier::Hot, 0, secs(1));
    costs.fetched(Tier::Cold, 0, 0, 0, secs(1));
    assert_eq!((costs.row(Tier::Hot), costs.fetch(Tier::Hot)), (100.0, [0.0; 2]));
}

#[test]
fn reservations() {
    let (budget, other) = (Budget::new(100), Budget::new(u64::MAX));
    let mut one = budget.clone().try_reserve(60).unwrap();
    assert!(budget.try_reserve(u64::MAX).is_none() && !one.try_grow(41) && one.try_grow(40));
    assert!(one.split(101).is_none() && one.bytes() == 100);
    let two = one.split(30).unwrap();
    one.merge(two).unwrap();
    let foreign = other.try_reserve(7).unwrap();
    let foreign = one.merge(foreign).unwrap_err();
    assert_eq!((foreign.bytes(), other.used(), one.bytes()), (7, 7, 100));
    one.shrink(200);
    one.shrink(50);
    assert_eq!(budget.room(), Room { limit: 100, used: 50 });
    budget.set_limit(40);
    assert!(budget.try_reserve(0).is_none() && budget.limit() == 40);
    drop(one);
    assert_eq!(
        (budget.used(), budget.peak(), budget.try_reserve(40).map(|all| all.bytes())),
        (0, 100, Some(40))
    );
}

#[test]
fn a_bucket_bounds_and_fills() {
    let mut bucket = Bucket::new(10, 100);
    assert!(bucket.try_take(secs(0), 60) && !bucket.try_take(secs(0), 41) && bucket.try_take(secs(0), 40));
    assert!(!bucket.try_take(secs(1), 11) && bucket.try_take(secs(2), 20));
    assert_eq!(bucket.level(secs(1)), 0.0, "time does not go back");
    assert_eq!(bucket.level(secs(1000)), 100.0);
    bucket.force(secs(1000), 150);
    assert!(!bucket.has(secs(1004), 1) && bucket.has(secs(1004), 0) && bucket.has(secs(1006), 10));
}

#[test]
fn names() {
    for tier in Tier::ALL {
        assert_eq!(tier.to_string().parse::<Tier>().unwrap(), tier);
    }
    assert!(Tier::ALL.is_sorted() && Tier::Hot > Tier::Warm);
    assert!("Hot".parse::<Tier>().is_err());
    let reason = Reason::Promoted { gain: 2e6, cost: 1e9 };
    assert_eq!(
        reason.to_string(),
        "moves up: that takes 1.0 s, saves 2.0 ms a second and is paid back in 500.0 s"
    );
}
