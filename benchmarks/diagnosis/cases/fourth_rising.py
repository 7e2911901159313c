from benchmarks.diagnosis.case import Case

RISING: list[Case] = []
