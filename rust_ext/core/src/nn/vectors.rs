//! Which vector instructions a processor has.

/// Vector instructions that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None: the scalar twins.
    Scalar,
    /// x86 of 2013 and later.
    Avx2,
    /// With sums of four products of bytes in one step.
    AvxVnni,
    /// The same of 512 bits.
    Avx512Vnni,
    /// Every 64-bit Arm.
    Neon,
}

/// Vector instructions that this processor has: a value is only made where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vectors(Kind);

impl Vectors {
    /// The fastest.
    #[inline]
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            if has_avx512() {
                return Self(Kind::Avx512Vnni);
            }
            if is_x86_feature_detected!("avxvnni") {
                return Self(Kind::AvxVnni);
            }
            return Self(Kind::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        return Self(Kind::Neon);
        #[cfg(not(target_arch = "aarch64"))]
        Self(Kind::Scalar)
    }

    /// All, for comparisons.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Scalar)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            all.push(Self(Kind::Avx2));
            if is_x86_feature_detected!("avxvnni") {
                all.push(Self(Kind::AvxVnni));
            }
            if has_avx512() {
                all.push(Self(Kind::Avx512Vnni));
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self(Kind::Neon));
        all
    }

    /// Whether AVX2 is among them.
    #[inline(always)]
    #[must_use]
    pub fn has_avx2(self) -> bool {
        matches!(self.0, Kind::Avx2 | Kind::AvxVnni | Kind::Avx512Vnni)
    }

    /// Which these are.
    #[inline(always)]
    #[must_use]
    pub fn kind(self) -> Kind {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_last_of_all_that_there_are() {
        assert_eq!(Vectors::all().last(), Some(&Vectors::best()));
        assert_eq!(Vectors::all()[0].kind(), Kind::Scalar);
    }
}
