OK_FORMAT = True

test = {   'name': 'new_head',
    'points': 4,
    'suites': [   {   'cases': [{'code': '>>> assert model.output_shape == (None, 8)\n', 'hidden': False, 'locked': False}, {'code': '>>> assert model.compiled\n', 'hidden': False, 'locked': False}],
                      'scored': True,
                      'setup': '',
                      'teardown': '',
                      'type': 'doctest'}]}
