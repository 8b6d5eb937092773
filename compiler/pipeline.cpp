// The tables of passes, and the driver that runs, times and verifies them.
#include "compiler/pipeline.h"

#include <array>
#include <string>

#include "compiler/lower/batch_products.h"
#include "compiler/lower/flatten.h"
#include "compiler/lower/fuse.h"
#include "compiler/lower/group_batches.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/pack.h"
#include "compiler/lower/postpone.h"
#include "compiler/lower/simplify.h"
#include "compiler/lower/split_reductions.h"
#include "ir/printer.h"
#include "ir/verify.h"

namespace jaxc::compiler {

namespace {

constexpr std::array jaxpr_table = {
    JaxprPass{"simplify", simplify, "no calls; every equation is needed, none is written twice"},
    JaxprPass{"batch_products", batch_products, "products of a scan's body that need no carry are made for all steps"},
};

constexpr std::array program_table = {
    ProgramPass{"accumulate", accumulate, "small products in loops that are added to a value begin with it",
                &LowerOptions::for_caches},
    ProgramPass{"fuse", fuse, "a value that one place uses is computed there, unless that repeats work"},
    ProgramPass{"contract", contract, "products that only sums use are mul_adds"},
    ProgramPass{"postpone", postpone, "few functions and small matrices that no carry needs come after their loop",
                &LowerOptions::for_caches},
    ProgramPass{"group_batches", group_batches, "small matrices of a batch are factored and solved one by one"},
    ProgramPass{"split_loops", split_loops, "carries that a batch shares have a loop of their own",
                &LowerOptions::for_caches},
    ProgramPass{"sink_transposes", sink_transposes, "loops in lanes stack their steps where a transposition puts them",
                &LowerOptions::for_caches},
    ProgramPass{"group_rows", group_rows, "nests that share rows of large arrays run row by row",
                &LowerOptions::for_caches},
    ProgramPass{"split_reductions", split_reductions, "folds of very many elements to few results are made in parts",
                &LowerOptions::for_caches},
    ProgramPass{"pack", pack, "lanes load neighbours where rows of few elements are read again and again",
                &LowerOptions::for_caches},
    ProgramPass{"flatten", flatten, "elementwise nests run over whole lines, and store a result wherever it goes",
                &LowerOptions::for_caches},
    ProgramPass{"order_steps", order_steps, "what the next step waits for longest comes first in small loops",
                &LowerOptions::for_caches},
};

class Stopwatch {
 public:
  explicit Stopwatch(std::vector<PassDuration>& times) : times_(times) {}

  template <typename Function>
  auto time(std::string_view pass, const Function& function) {
    const auto start = std::chrono::steady_clock::now();
    auto result = function();
    times_.push_back({pass, std::chrono::steady_clock::now() - start});
    return result;
  }

 private:
  std::vector<PassDuration>& times_;
};

}  // namespace

std::span<const JaxprPass> jaxpr_passes() {
  return jaxpr_table;
}
std::span<const ProgramPass> program_passes() {
  return program_table;
}

Compilation compile(const ir::Jaxpr& jaxpr, std::span<const Array> constants, const LowerOptions& options,
                    const std::function<ir::Plan(const ir::Program&)>& plan, const PassObserver& observer) {
  Compilation result;
  Stopwatch stopwatch(result.times);
  const auto show = [&](std::string_view pass, std::string_view holds, const auto&... form) {
    if (observer) observer(pass, holds, ir::print(form...));
  };
  result.simplified = jaxpr;
  for (const JaxprPass& pass : jaxpr_table) {
    result.simplified = stopwatch.time(pass.name, [&] { return pass.run(result.simplified); });
    ir::verify(result.simplified);
    show(pass.name, pass.holds, result.simplified);
  }
  result.program = stopwatch.time("lower", [&] { return lower(result.simplified, constants, options); });
  ir::verify(result.program);
  show("lower", "every equation is nests, loops and branches", result.program);
  for (const ProgramPass& pass : program_table) {
    if (pass.option != nullptr && !(options.*pass.option)) continue;
    result.program = stopwatch.time(pass.name, [&] { return pass.run(result.program); });
    ir::verify(result.program);
    show(pass.name, pass.holds, result.program);
  }
  result.plan = stopwatch.time("plan", [&] { return plan(result.program); });
  ir::verify(result.program, result.plan);
  show("plan", "every array has a place, every axis a schedule, every loop a path", result.program, result.plan);
  return result;
}

}  // namespace jaxc::compiler
