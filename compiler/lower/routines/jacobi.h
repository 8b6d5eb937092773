// What Jacobi's methods share: the order of pairs, rotations, and results in order of size.
#pragma once

#include "compiler/lower/routines/items.h"

namespace jaxc::compiler::lowering {

/// Rounds that together pair every two of `n` columns (Brent and Luk 1985): in one round the pairs are disjoint.
class Tournament {
 public:
  explicit Tournament(std::int64_t n) : n_(n), players_(n + n % 2) {}
  std::int64_t rounds() const { return players_ - 1; }
  /// The partner of each column in a round; a column without one is its own partner. Not batched.
  ArrayId partners(Lowering& lowering, ArrayId round) const;

 private:
  std::int64_t n_;
  std::int64_t players_;  ///< n, or n + 1 when that is odd
};

/// Sweeps of all pairs, until `round` reports (in its last value, a boolean per item) no rotation in a whole
/// sweep; `values` go from round to round.
std::vector<Elements> jacobi_sweeps(
    const Items& items, const std::string& name, std::int64_t n, const std::vector<Elements>& values,
    const std::function<std::vector<Elements>(const std::vector<Elements>& values, ArrayId partners)>& round);

/// What a column takes of itself and of its partner, when rotations make columns p < q of each pair orthogonal:
/// mine * cosine + theirs * sine.
struct Rotations {
  Elements cosine;
  Elements sine;
};
/// From |p|^2 and |q|^2 (`first`, `second`) and p^H q (`coupling`) of the pair, where `active` holds
/// (Rutishauser 1966).
struct Pair {
  Scalar first, second, coupling, active;
};
Rotations rotations(const Items& items, std::int64_t n, ArrayId partners,
                    const std::function<Pair(const Point&, const Scalar& p, const Scalar& q)>& pair);

/// A real array [n] and the columns of `matrices` [rows, n], in ascending or descending order of the array.
std::vector<Elements> ordered(const Items& items, std::int64_t n, bool ascending, const Elements& values,
                              const std::vector<std::pair<Elements, std::int64_t>>& matrices);

/// Whether every element of the item [rows, columns] is finite; and the largest size of a part of one.
Elements finite(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns);
Elements largest_part(const Items& items, const Elements& matrix, std::int64_t rows, std::int64_t columns);
/// `matrix` where `good` (a boolean per item) holds, elsewhere NaN.
Elements valid(const Items& items, const Elements& good, const Elements& matrix, const Shape& item);

}  // namespace jaxc::compiler::lowering
