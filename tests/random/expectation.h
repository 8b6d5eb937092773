// Expectation: a program's results in the naive evaluator, and how far rounding may move each element.
#pragma once

#include <string>
#include <vector>

#include "ir/jaxpr.h"
#include "jaxc/array.h"

namespace jaxc::random_programs {

/// How many elements were compared, and how many were not because rounding decides them.
struct Comparison {
  std::size_t compared = 0;
  std::size_t unstable = 0;
  std::string problem;  ///< empty: they agree

  Comparison& operator+=(const Comparison& other);
};

/// The evaluator is run again several times, each time with every inexact result moved by a few units in its last
/// place, and the operands of sums and factorizations too (Monte Carlo arithmetic: Parker 1997). What an element
/// moves by is its conditioning: results may differ by ten times as much, and some units in the last place. Elements
/// that rounding moves by a twentieth of their size, integers that it changes at all, are unstable.
class Expectation {
 public:
  Expectation(const ir::Jaxpr& jaxpr, const std::vector<Array>& inputs);

  const std::vector<Array>& results() const { return results_; }
  Comparison compare(const std::vector<Array>& got) const;

 private:
  Comparison compare(std::size_t output, const Array& got) const;

  std::vector<Array> results_;
  std::vector<std::vector<Array>> perturbed_;
};

}  // namespace jaxc::random_programs
