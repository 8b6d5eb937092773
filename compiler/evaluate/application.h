// Application: one primitive applied to values, which is what an evaluation rule computes.
#pragma once

#include <span>
#include <vector>

#include "compiler/evaluate/evaluate.h"
#include "ir/jaxpr.h"
#include "jaxc/array.h"

namespace jaxc::compiler {

/// An equation with its operands' values. Its types have been checked.
struct Application {
  const ir::Equation& equation;
  std::vector<Array> operands;
  std::vector<Type> types;  ///< of the results
  const EvaluateOptions& options;
  int depth;  ///< how many jaxprs are being evaluated

  const ir::Parameters& parameters() const { return equation.parameters; }
  /// The outputs of an inner jaxpr.
  std::vector<Array> call(const ir::Jaxpr& jaxpr, std::span<const Array> inputs) const;
};

using EvaluateFunction = std::vector<Array> (*)(const Application& application);

/// One evaluation rule per primitive.
namespace evaluators {
#define JAXC_EVALUATOR(enumerator, ...) std::vector<Array> enumerator(const Application& application);
JAXC_PRIMITIVES(JAXC_EVALUATOR)
#undef JAXC_EVALUATOR
}  // namespace evaluators

}  // namespace jaxc::compiler
