// The pass pipeline: every step from a Jaxpr to a planned Program, as rows of two tables.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/lower/lower.h"
#include "ir/jaxpr.h"
#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// A pure function from Jaxpr to Jaxpr; its result is verified.
struct JaxprPass {
  std::string_view name;
  ir::Jaxpr (*run)(const ir::Jaxpr&);
  std::string_view holds;  ///< what is true afterwards
};

/// A pure function from Program to Program; its result is verified.
struct ProgramPass {
  std::string_view name;
  ir::Program (*run)(const ir::Program&);
  std::string_view holds;
  bool LowerOptions::* option = nullptr;  ///< the pass runs where this is set; always without one
};

std::span<const JaxprPass> jaxpr_passes();
std::span<const ProgramPass> program_passes();

struct PassDuration {
  std::string_view pass;
  std::chrono::duration<double, std::milli> time;
};

/// What the pipeline makes of a program for one target.
struct Compilation {
  ir::Jaxpr simplified;
  ir::Program program;
  ir::Plan plan;
  std::vector<PassDuration> times;
};

/// Is told each pass's name, what holds after it, and the form that it made, as text.
using PassObserver = std::function<void(std::string_view pass, std::string_view holds, const std::string& form)>;

/// Runs and times the Jaxpr passes, lowering, the Program passes and `plan`, verifying every result.
Compilation compile(const ir::Jaxpr& jaxpr, std::span<const Array> constants, const LowerOptions& options,
                    const std::function<ir::Plan(const ir::Program&)>& plan, const PassObserver& observer = {});

}  // namespace jaxc::compiler
