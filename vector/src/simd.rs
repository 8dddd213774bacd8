//! Which vector instructions the processor has, and functions that are compiled once for each set of them.

use std::sync::LazyLock;

/// A set of instructions that this processor has. There is no other way to get one, which is what makes the calls of
/// functions that are compiled for them sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// What every processor of its architecture has.
    Baseline,
    /// AVX2, FMA and F16C (2013 on).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, DQ, VL, VBMI and VNNI (2019 on).
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The variable of the environment that bounds what is used, for telling a fault of one set of instructions from one of all.
const VARIABLE: &str = "LARDER_VECTOR_INSTRUCTIONS";

static BEST: LazyLock<Level> = LazyLock::new(|| {
    let wish = std::env::var(VARIABLE).ok();
    let (level, understood) = Level::up_to(wish.as_deref());
    if !understood {
        tracing::warn!(
            variable = VARIABLE,
            value = wish,
            "it is none of baseline, avx2 and avx512: nothing is bounded"
        );
    }
    level
});

impl Level {
    /// The best that there is here.
    pub(crate) fn best() -> Level {
        *BEST
    }

    /// What every processor has.
    pub(crate) const BASELINE: Level = Level(Set::Baseline);

    /// All that there are here, the best one last.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut, reason = "nothing is added"))]
    pub(crate) fn all() -> Vec<Level> {
        let mut all = vec![Level::BASELINE];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") && has!("f16c") {
                all.push(Level(Set::Avx2));
                if has!("avx512f")
                    && has!("avx512bw")
                    && has!("avx512dq")
                    && has!("avx512vl")
                    && has!("avx512vbmi")
                    && has!("avx512vnni")
                {
                    all.push(Level(Set::Avx512));
                }
            }
        }
        all
    }

    /// The best that there is here and that a wish allows, and whether it was understood.
    fn up_to(wish: Option<&str>) -> (Level, bool) {
        let all = Level::all();
        let most = match wish {
            None | Some("avx512") => all.len(),
            Some("avx2") => 2,
            Some("baseline") => 1,
            Some(_) => return (all[all.len() - 1], false),
        };
        (all[most.min(all.len()) - 1], true)
    }

    pub(crate) fn set(self) -> Set {
        self.0
    }
}

/// A function whose body is compiled for each set, and which takes the [`Level`] to run at first. No set is allowed to
/// change what it computes: what is fused into one rounding is written as `mul_add`, which the baseline of x86-64 calls a function
/// for.
macro_rules! versions {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name(level: $crate::simd::Level, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn plain($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { plain($($arg),*) }
                #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { plain($($arg),*) }
                #[allow(unsafe_code, reason = "dispatch")]
                match level.set() {
                    $crate::simd::Set::Baseline => plain($($arg),*),
                    // SAFETY: there is a Level of this set only where the processor has its instructions.
                    $crate::simd::Set::Avx2 => unsafe { avx2($($arg),*) },
                    // SAFETY: as above.
                    $crate::simd::Set::Avx512 => unsafe { avx512($($arg),*) },
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            {
                let _ = level;
                plain($($arg),*)
            }
        }
    };
}
pub(crate) use versions;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_bounds_what_is_used() {
        let all = Level::all();
        assert_eq!(Level::up_to(Some("baseline")), (Level::BASELINE, true));
        assert_eq!(Level::up_to(Some("avx2")), (all[1.min(all.len() - 1)], true));
        assert_eq!(Level::up_to(None), (all[all.len() - 1], true));
        assert_eq!(Level::up_to(Some("sse9")), (all[all.len() - 1], false));
    }
}
