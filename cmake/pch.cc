// The precompiled headers of every target belong to this one: see acloud.cmake.
