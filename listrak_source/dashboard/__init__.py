"""The page: what pulls and pushes have brought about, as charts and numbers; needs the extra ``dashboard``."""
