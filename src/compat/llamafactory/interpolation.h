// ${…} in the values of a config file, as OmegaConf reads them.
#pragma once

#include <map>
#include <string>

namespace fettle::llamafactory {

/// Single values by key, as typed: what ${key} stands for.
using Scalars = std::map<std::string, std::string, std::less<>>;

/// `value` with every ${key} replaced by that key's value, and ${oc.env:NAME} or ${oc.env:NAME,default} by
/// the environment's; what is put in may hold more of them. Error naming `key` and `where`: no such key (with
/// the nearest), a variable that is not set, another resolver, a circle, a brace that is not closed.
std::string interpolated(const std::string& key, const std::string& value, const Scalars& scalars,
                         const std::string& where);

}  // namespace fettle::llamafactory
