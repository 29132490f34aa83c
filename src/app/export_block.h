// What an export ends with: what lies where, and how each program loads it.
#pragma once

#include <string>

#include "tune/export.h"

namespace fettle::app {

/// `program` is what the user called; commands are shown under that name.
std::string export_block(const ExportResult& result, const ExportJob& job, const std::string& program);

}  // namespace fettle::app
