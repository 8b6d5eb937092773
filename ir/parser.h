// The parser: text that JAX printed for a jaxpr, from version 0.4.30 on, to Jaxpr.
#pragma once

#include <string_view>

#include "ir/jaxpr.h"
#include "ir/source.h"

namespace jaxc::ir {

/// The program that a text holds. `origin` names the text in messages, as a file name does.
///
/// Hoisted jaxprs (`let NAME = {...} in`) become one shared Jaxpr each. Untyped literals get the type
/// that their equation implies. Sharding and memory spaces are dropped. Primitives outside the list that
/// wrap a jaxpr or pass their operands through become closed_call and optimization_barrier.
/// Strings within parameters keep their quotes as part of their Symbol.
///
/// Throws Error, with place, line and caret, when the text is malformed, when it uses a variable that
/// is not defined, or when it holds what cannot be compiled: callbacks, collectives, references,
/// sharding and effects. Types of results are left to verify().
Jaxpr parse(const Source& source);
Jaxpr parse(std::string_view text, std::string_view origin);

/// Throws Error when the program can be shown but not run: an inner jaxpr has constants, whose values
/// JAX does not print, or a literal is an array, whose elements JAX does not print.
void require_runnable(const Jaxpr& jaxpr);

}  // namespace jaxc::ir
