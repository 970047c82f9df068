"""The doctor: does each installed runtime compute on this machine?"""
