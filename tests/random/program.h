// Test programs: making them, checking them on backends, and making failing ones small.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "expectation.h"
#include "ir/jaxpr.h"
#include "jaxc/jaxc.h"

namespace jaxc::random_programs {

struct TestProgram {
  ir::Jaxpr jaxpr;
  std::vector<Array> inputs;
  std::map<ir::Primitive, std::size_t> counts;  ///< how often each primitive occurs
};

/// The random program of a seed, with at most about `most_equations` equations.
TestProgram generate(std::uint64_t seed, std::size_t most_equations);

/// What came of a program.
struct Outcome {
  enum class Kind { passed, refused, failed } kind = Kind::passed;
  std::string message;
  Comparison comparison;
};

/// Runs the program's text on every backend and compares. Throws nothing.
Outcome check(const TestProgram& program, const std::vector<Backend>& backends);
/// The same in a process of its own, so that a crash, or more than `seconds`, is an outcome too.
Outcome check_apart(const TestProgram& program, const std::vector<Backend>& backends, unsigned seconds = 60);

/// Compares out0, out1 ... of a data file; a program without such a file, or whose data holds `error`, is refused.
Outcome check_results(const TestProgram& program, const std::string& path);

/// A smaller program that fails in the same way: outputs and equations are dropped, values become inputs.
TestProgram minimise(TestProgram program, const std::vector<Backend>& backends);

/// Without equations and inputs that no output needs.
TestProgram without_unused(const TestProgram& program);

/// Writes PATH.jaxpr and PATH.safetensors (in0.., and out0.. of the evaluator).
void save(const TestProgram& program, const std::string& path);

}  // namespace jaxc::random_programs
